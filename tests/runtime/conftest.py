"""A runtime that writes to a file, and whose thread does not come by unless it is called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pepperpy_obs
from pepperpy_obs import Config, _dispatch, configure, stats
from pepperpy_obs.context import CURRENT
from tests.runtime.bursts import begin


@pytest.fixture
def counted(log: Path) -> Callable[[], int]:
    """Return what tells how many calls have been counted since."""
    before = stats().performance.calls
    return lambda: stats().performance.calls - before


@pytest.fixture
def log(tmp_path: Path, no_thread_left: None) -> Iterator[Path]:
    """Configure a runtime whose thread does not come by, writing to this file."""
    path = tmp_path / "app.log"
    configure(Config(config_file=None, log_format="json", log_file=path, drain_interval=600))
    begin()
    yield path
    configure(Config(config_file=None, log_format="none"))
    pepperpy_obs.shutdown()


@pytest.fixture
def seen(log: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, threading.Thread, Any]]:
    """Return a list to which each batch adds its size, its thread, and the call that it is folded in."""
    found: list[tuple[int, threading.Thread, Any]] = []
    chain: Any = _dispatch.runtime()._drain.chain
    take: Callable[..., None] = chain.take

    def look(records: Any, until: int) -> None:
        found.append((len(records), threading.current_thread(), CURRENT.get(None)))
        take(records, until)

    monkeypatch.setattr(chain, "take", look)
    return found
