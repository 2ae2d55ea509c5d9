"""Hooks for `gunicorn.conf.py`: `from pepperpy_obs.integrations.gunicorn import worker_abort, worker_exit`.

Forked workers set themselves up: counts, threads and files of their own begin with the fork. What is left to do is to
let all leave before a worker ends, also one that gunicorn stops because it has not answered in time.
"""

from __future__ import annotations

from typing import Any

from pepperpy_obs import _dispatch

__all__ = ["worker_abort", "worker_exit"]


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """Let all leave, within `shutdown_timeout`."""
    _dispatch.runtime().shutdown()


def worker_abort(worker: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """Likewise, of a worker that has hung."""
    _dispatch.runtime().shutdown()
