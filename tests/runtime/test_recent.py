"""The newest events in memory: those that leave, whatever else takes them away."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pepperpy_obs
from pepperpy_obs import Config, _dispatch, configure, measure, measured
from pepperpy_obs.errors import SetupError
from pepperpy_obs.outputs.recent import RecentLines
from pepperpy_obs.runtime.recent import Recent
from pepperpy_obs.runtime.runtime import Runtime


@measured(kind="tool")
def tool() -> None:
    """Do nothing, so quickly that it takes the fast path."""


@pytest.fixture
def runtime(no_thread_left: None) -> Iterator[Runtime]:
    """Return the default runtime, which writes nothing, and has kept no events before."""
    found = configure(Config(config_file=None, log_format="none"))
    before, found.recent = found.recent, Recent(found._drain)
    yield found
    found.recent = before
    configure(Config(config_file=None, log_format="none"))
    pepperpy_obs.shutdown()


def names(events: Any) -> list[str]:
    """Return the operations of events."""
    return [event["operation"].rpartition(".")[2] for event in events]


def test_nothing_is_kept_until_it_is_asked_for(runtime: Runtime) -> None:
    """Without pages no line is made and none is kept, and events are refused with a sentence that says so."""
    tool()
    with pytest.raises(SetupError, match="keeps no events: set log_file"):
        runtime.events()
    with pytest.raises(SetupError, match="recent_events_bytes above 0"):
        runtime.recent.newest()


def test_calls_of_both_ways_through_the_chain_are_kept(runtime: Runtime) -> None:
    """What took the fast path and what did not are found, the newest first, as the log would have them."""
    runtime.recent.keep(runtime.config)
    for _ in range(4):
        tool()
    with pytest.raises(ValueError), measure("fails", agent="desk"):
        raise ValueError("no")
    tool()
    assert names(runtime.events()) == ["tool", "fails", "tool", "tool", "tool", "tool"]
    (failed,) = runtime.recent.newest(agent="desk", outcome="error")
    assert (failed["error_type"], failed["operation"]) == ("ValueError", "fails")
    assert names(runtime.recent.newest(limit=2)) == ["tool", "fails"]


def test_what_is_kept_is_what_is_written(runtime: Runtime, tmp_path: Path) -> None:
    """Memory holds the very events of the log, with secrets taken out, and lasts when settings change."""
    log = tmp_path / "app.log"
    runtime.recent.keep(runtime.config)
    configure(Config(config_file=None, log_format="json", log_file=log))
    for place in range(5):
        with measure("ask", attributes={"password": "hunter2", "place": place}):
            tool()
    kept = runtime.recent.newest()
    assert [dict(event) for event in kept] == [dict(event) for event in runtime.events()]
    assert len(kept) == len(log.read_text().splitlines()) == 10
    assert "hunter2" not in json.dumps([str(event) for event in kept])


def test_memory_is_bounded(runtime: Runtime) -> None:
    """The oldest give way, and what is larger than all of the room is not kept."""
    lines = RecentLines(10)
    lines.write([b"one\n", b"two\nthree\n"])
    assert list(lines.newest()) == [b"three", b"two"]
    lines.write([b"a line that is too long\n"])
    assert list(lines.newest()) == []


def test_a_size_of_nothing_keeps_nothing(runtime: Runtime) -> None:
    """With recent_events_bytes=0 pages keep no events."""
    runtime.recent.keep(Config(config_file=None, recent_events_bytes=0))
    assert not runtime.recent.is_kept


def test_settings_may_be_changed_while_pages_are_served(runtime: Runtime) -> None:
    """With a size of 0 nothing is kept any more, and with another one events are kept again."""
    runtime.recent.keep(runtime.config)
    tool()
    configure(Config(config_file=None, log_format="none", recent_events_bytes=0))
    assert not runtime.recent.is_kept
    configure(Config(config_file=None, log_format="none"))
    tool()
    assert names(runtime.recent.newest()) == ["tool"]


def test_a_forked_child_keeps_nothing_until_it_has_pages(runtime: Runtime) -> None:
    """What the parent keeps is the parent's, and the child makes no lines for pages that it does not serve."""
    runtime.recent.keep(runtime.config)
    tool()
    tool()
    child = os.fork()
    if child == 0:
        tool()
        pepperpy_obs.flush()
        chain: Any = runtime._drain.chain
        os._exit(0 if not runtime.recent.is_kept and chain._recent is None and not chain._fast_path._formats else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert names(runtime.recent.newest()) == ["tool", "tool"]


def test_the_default_runtime_is_the_one_that_is_meant() -> None:
    """Pages of this process ask the runtime for what is in memory."""
    assert _dispatch.runtime().newest.__self__.__class__ is Recent
