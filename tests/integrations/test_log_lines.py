"""The application's own log lines bear the running call, and are otherwise as they were."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from pepperpy_obs import agent, attributes, measure, measured
from pepperpy_obs._guard import failures
from pepperpy_obs.context import continue_trace
from pepperpy_obs.integrations import logs
from pepperpy_obs.integrations.logs import CallFilter, add_call
from pepperpy_obs.testing import captured


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    """Return the lines that `log` writes."""
    return []


@pytest.fixture
def log(lines: list[dict[str, Any]]) -> Any:
    """Return a logger of structlog's own, with our processor in its chain."""

    def keep(_: Any, __: str, event: Any) -> str:
        lines.append(dict(event))
        return ""

    return structlog.wrap_logger(structlog.PrintLogger(io.StringIO()), processors=[add_call, keep])


def test_a_line_bears_the_ids_of_the_call_s_own_event(lines: list[dict[str, Any]], log: Any) -> None:
    """So do trace, span, agent, operation and attributes; the decorator's attributes as well."""

    @measured(attributes={"tier": "gold"})
    def ask() -> None:
        log.info("asked", question=7)

    with captured() as seen, agent("planner"), attributes(customer="acme"):
        ask()
    event = seen.event
    assert lines == [
        {
            "event": "asked",
            "question": 7,
            "customer": "acme",
            "tier": "gold",
            "trace_id": event["trace_id"],
            "span_id": event["span_id"],
            "agent": "planner",
            "operation": event["operation"],
        }
    ]


def test_what_a_line_says_itself_stays(lines: list[dict[str, Any]], log: Any) -> None:
    """Its own fields win."""
    with measure("run"), attributes(customer="acme"):
        log.info("x", customer="other", trace_id="mine")
    assert (lines[0]["customer"], lines[0]["trace_id"], lines[0]["operation"]) == ("other", "mine", "run")


def test_outside_of_calls_nothing_is_added(lines: list[dict[str, Any]], log: Any) -> None:
    """Attributes are, without a call."""
    log.info("x")
    with attributes(customer="acme"):
        log.info("y")
    assert lines == [{"event": "x"}, {"event": "y", "customer": "acme"}]


def test_a_received_trace_is_on_the_line(lines: list[dict[str, Any]], log: Any) -> None:
    """With the caller's span and the fields of its baggage."""
    with continue_trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "customer=acme"):
        log.info("x")
    assert lines == [
        {"event": "x", "customer": "acme", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
         "span_id": "00f067aa0ba902b7"},
    ]  # fmt: skip


def test_our_own_events_pass_as_they_are(lines: list[dict[str, Any]], log: Any) -> None:
    """They are handed on within other calls."""
    with measure("run"):
        log.info("operation.finished", event_id="1", operation="other")
    assert lines == [{"event": "operation.finished", "event_id": "1", "operation": "other"}]


@pytest.fixture
def stream() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """Return a logger whose format names our fields, and what it has written."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(CallFilter())
    handler.setFormatter(
        logging.Formatter('{"say": "%(message)s", "trace": "%(trace_id)s", "of": "%(operation)s", "by": "%(agent)s"}')
    )
    logger = logging.getLogger("tests.log_lines")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, written
    logger.removeHandler(handler)
    logger.propagate = True


def test_a_format_of_logging_may_name_the_fields(stream: tuple[logging.Logger, io.StringIO]) -> None:
    """They are empty outside of calls."""
    logger, written = stream
    with captured() as seen, agent("planner"), measure("run"):
        logger.warning("in")
    logger.warning("out")
    assert [json.loads(line) for line in written.getvalue().splitlines()] == [
        {"say": "in", "trace": seen.event["trace_id"], "of": "run", "by": "planner"},
        {"say": "out", "trace": "", "of": "", "by": ""},
    ]


def test_attributes_are_on_the_record_but_never_in_place_of_its_own() -> None:
    """A record's name and message are what they were."""
    record = logging.makeLogRecord({"name": "shop", "msg": "hello", "customer": "mine"})
    with attributes(customer="acme", name="x", msg="y", message="z", session="s1"):
        assert CallFilter().filter(record)
    said = vars(record)
    assert (said["name"], said["msg"], said["customer"], said["session"]) == ("shop", "hello", "mine", "s1")
    assert "message" not in said


def test_a_failure_of_ours_costs_no_line(
    lines: list[dict[str, Any]], log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, and the line goes on without our fields."""

    def broken() -> dict[str, Any]:
        raise RuntimeError

    monkeypatch.setattr(logs, "call_fields", broken)
    log.info("x")
    assert CallFilter().filter(logging.makeLogRecord({}))
    assert lines == [{"event": "x"}]
    assert failures()["logs"] == 2
