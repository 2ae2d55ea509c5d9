"""The chain: order, guard, and what may leave."""

from typing import Any

import pytest
from structlog import DropEvent

from pepperpy_obs import Config, _guard, configure, measure
from pepperpy_obs.chain import Chain, Link
from pepperpy_obs.outputs.line_output import LineOutput
from pepperpy_obs.runtime.outputs import close_outputs
from pepperpy_obs.testing import captured


class _Kept:
    """A sink that keeps its lines, or fails."""

    def __init__(self, fails: bool = False) -> None:
        self.lines: list[bytes] = []
        self.fails = fails
        self.closed = False

    def write(self, lines: list[bytes]) -> None:
        if self.fails:
            raise OSError("gone")
        self.lines += lines

    def close(self) -> None:
        self.closed = True


def _mark(name: str) -> Any:
    def processor(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("path", []).append(name)
        return event

    return processor


def _raise(error: BaseException) -> Any:
    def processor(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        raise error

    return processor


def _render(events: Any) -> list[bytes]:
    return [repr(event["path"]).encode() for event in events]


@pytest.fixture(autouse=True)
def _fresh_guard() -> Any:
    _guard.forget()
    yield
    _guard.forget()


def test_links_run_in_order_and_each_way_out_gets_the_batch() -> None:
    """What is counted passes first, what leaves after, then all outputs."""
    one, two = _Kept(), _Kept()
    chain = Chain(
        [Link("a", _mark("a")), Link("b", _mark("b"))],
        [Link("c", _mark("c"))],
        [LineOutput("one", _render, one), LineOutput("two", _render, two)],
    )

    chain.run([{}, {}])

    assert one.lines == two.lines == [b"['a', 'b', 'c']"] * 2


def test_a_raising_link_is_skipped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The event goes on without it, the failure is logged once and counted always."""
    way = _Kept()
    chain = Chain([Link("bad", _raise(ValueError("x"))), Link("a", _mark("a"))], [], [LineOutput("way", _render, way)])

    chain.run([{}, {}])

    assert way.lines == [b"['a']"] * 2
    assert _guard.failures() == {"bad": 2}
    assert len(caplog.records) == 1


def test_where_a_required_link_fails_nothing_leaves(caplog: pytest.LogCaptureFixture) -> None:
    """An event that could not be redacted stays, and is counted as lost."""
    way = _Kept()
    chain = Chain([], [Link("redact", _raise(ValueError("x")), required=True)], [LineOutput("way", _render, way)])

    chain.run([{"path": []}])

    assert way.lines == []
    assert chain.dropped == {"redact": 1}


def test_a_dropped_event_is_nobodys_failure() -> None:
    """DropEvent ends an event's way, and nothing is reported."""
    way = _Kept()
    chain = Chain([], [Link("sample", _raise(DropEvent()))], [LineOutput("way", _render, way)])

    chain.run([{"path": []}])

    assert (way.lines, chain.dropped, _guard.failures()) == ([], {}, {})


def test_one_dead_way_out_does_not_hurt_another(caplog: pytest.LogCaptureFixture) -> None:
    """The batch is lost there, counted by that way's name, and arrives elsewhere."""
    dead, alive = _Kept(fails=True), _Kept()
    chain = Chain([], [], [LineOutput("dead", _render, dead), LineOutput("alive", _render, alive)])

    chain.run([{"path": []}, {"path": []}])
    close_outputs(chain.outputs, 0)

    assert alive.lines == [b"[]", b"[]"]
    assert chain.dropped == {"dead": 2}
    assert (chain.counters["dead"].failures, chain.counters["dead"].error) == (1, "OSError: gone")
    assert chain.counters["alive"].lines == 2
    assert dead.closed
    assert alive.closed


def test_processors_of_ones_own_see_each_event_first() -> None:
    """What a user's link adds is logged; what it raises does not reach the call."""

    def enrich(logger: Any, method: str, event: Any) -> Any:
        event["region"] = "eu"
        return event

    with captured(processors=[enrich]) as seen:
        with measure("x"):
            pass

        assert seen.event["region"] == "eu"


def test_sampling_and_levels_come_after_counting() -> None:
    """What is not logged is counted all the same; errors always are logged."""
    with captured(Config(config_file=None, log_sample_rate=0.0)) as seen:
        for _ in range(1000):
            with measure("x"):
                pass
        with pytest.raises(KeyError), measure("y"):
            raise KeyError

        assert [event["operation"] for event in seen.events] == ["y"]
        assert seen.stats.performance.calls == 1001
    with captured(Config(config_file=None, log_level="error")) as seen:
        with measure("x"):
            pass

        assert seen.events == []
        assert seen.stats.performance.calls == 1


def test_secrets_never_leave() -> None:
    """Named keys and secret-looking values are gone from the event that leaves."""
    with captured(Config(config_file=None, redact_keys=("patient",))) as seen:
        with measure("x") as call:
            call.add(patient="Jane", note="key sk-abcdefghijklmnopqrstuvwx", password="hunter2", plain="text")
        event = seen.event

    assert {key: event[key] for key in ("patient", "note", "password", "plain")} == {
        "patient": "[redacted]",
        "note": "key [redacted]",
        "password": "[redacted]",
        "plain": "text",
    }


def test_events_are_handed_to_the_applications_structlog_on_request() -> None:
    """Each event arrives in the application's own chain, at its level, and its configuration is untouched."""
    import structlog

    with structlog.testing.capture_logs() as logs:
        configure(Config(config_file=None, log_format="none", log_to_structlog=True))
        with pytest.raises(KeyError), measure("x"):
            raise KeyError
        configure(Config(config_file=None, log_format="none")).shutdown()

    assert [(log["log_level"], log["event"], log["operation"]) for log in logs] == [
        ("error", "operation.finished", "x")
    ]


def test_an_applications_structlog_cannot_starve_the_aggregate() -> None:
    """Neither its level filter nor a raising processor of its own touches our chain."""
    import structlog

    before = structlog.get_config()
    structlog.configure(
        processors=[_raise(ValueError("theirs"))], wrapper_class=structlog.make_filtering_bound_logger(50)
    )
    try:
        with captured() as seen:
            with measure("x"):
                pass

            assert seen.event["operation"] == "x"
    finally:
        structlog.configure(**before)
        structlog.reset_defaults()
