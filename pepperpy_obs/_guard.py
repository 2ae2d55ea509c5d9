"""Our failures: counted by stage, logged once per stage, never passed on to the observed call."""

from __future__ import annotations

import logging
from collections import Counter

__all__ = ["failed", "failures", "forget"]

_LOG = logging.getLogger("pepperpy_obs")
_failures: Counter[str] = Counter()


def failed(stage: str, error: BaseException) -> None:
    """Count a failure of ours at `stage`; the first of each stage is logged with its traceback.

    Safe to call from any thread. Two threads that fail in the same instant may be counted
    as one: a lock here could be held at a fork.
    """
    _failures[stage] += 1
    # A stream that nobody reads may be where the application's log goes, too: telling would hang.
    if _failures[stage] == 1 and not isinstance(error, BlockingIOError):
        _LOG.error(
            "pepperpy_obs failed at %r and goes on without it; further failures there are only counted",
            stage,
            exc_info=(type(error), error, error.__traceback__),
        )


def failures() -> dict[str, int]:
    """Return how often each stage has failed so far."""
    return dict(_failures)


def forget() -> None:
    """Start counting afresh: in a forked child, and between tests."""
    _failures.clear()
