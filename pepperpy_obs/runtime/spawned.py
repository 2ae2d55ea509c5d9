"""Processes that multiprocessing has spawned: their parent's settings are not theirs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pepperpy_obs import _dispatch
from pepperpy_obs._guard import failed, note
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.runtime import children

if TYPE_CHECKING:
    from pepperpy_obs.runtime.runtime import Runtime

__all__ = ["join_parent"]


def join_parent() -> None:
    """In a process that multiprocessing has spawned: log as the parent does, if settings outside of the code say how.

    Else it is said at the end that calls went nowhere, if there were any.
    """
    mark = children.parents_mark()
    runtime: Runtime = _dispatch.runtime()
    if mark is None or runtime.started:
        return
    try:
        config = Config()
        if mark and any(source != "default" and _is_output(name) for name, source in config.sources().items()):
            runtime.configure(config)
            return
    except SetupError as error:
        failed("config", error)
    children.at_end(lambda: _say_unlogged(runtime))


def _is_output(setting: str) -> bool:
    return setting in {"log_file", "log_format", "log_stream", "log_to_structlog"} or setting.endswith("_url")


def _say_unlogged(runtime: Runtime) -> None:
    calls = 0 if runtime.started else sum(data.calls for data in runtime.reading().snapshot.series.values())
    if calls:
        note(
            "spawned",
            f"{calls} calls of process {os.getpid()} were written nowhere: its parent logs, but a spawned process has"
            " to call configure() itself, or find its settings in the environment (PEPPERPY_LOG_FILE=...)",
        )
