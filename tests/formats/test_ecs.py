from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs.formats.ecs import ECS_PATHS, ecs_lines, to_ecs

CALL: dict[str, Any] = {
    "timestamp": "2026-11-23T19:23:00.123456Z",
    "level": "info",
    "event": "operation.finished",
    "event_id": "0" * 32,
    "operation": "research.plan",
    "kind": "llm",
    "agent": "researcher",
    "outcome": "ok",
    "duration_seconds": 1.25,
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": 1203,
    "cost_usd": Decimal("0.0123"),
    "cost_by_type": {"input": Decimal("0.0123")},
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "parent_span_id": "00f067aa0ba902b8",
    "service": "billing",
    "environment": "production",
    "user.name": "ann",
    "attempt": 2,
}


class TestDocument:
    def test_of_a_call(self) -> None:
        """A call stands under the names, types and units of ECS, its head in the order of ecs-logging."""
        (line,) = ecs_lines([CALL])
        document = json.loads(line)

        assert document == {
            "@timestamp": "2026-11-23T19:23:00.123456Z",
            "log.level": "info",
            "message": "operation.finished research.plan ok",
            "ecs.version": "8.17.0",
            "event": {
                "id": "0" * 32,
                "kind": "event",
                "dataset": "pepperpy_obs",
                "action": "operation.finished",
                "duration": 1_250_000_000,
                "outcome": "success",
            },
            "labels": {
                "operation": "research.plan",
                "kind": "llm",
                "agent": "researcher",
                "provider": "openai",
                "model": "gpt-4o",
                "user_name": "ann",
                "attempt": "2",
            },
            "pepperpy": {
                "outcome": "ok",
                "input_tokens": 1203,
                "cost_usd": 0.0123,
                "cost_by_type": {"input": 0.0123},
            },
            "trace": {"id": "4bf92f3577b34da6a3ce929d0e0e4736"},
            "span": {"id": "00f067aa0ba902b7"},
            "parent": {"id": "00f067aa0ba902b8"},
            "service": {"name": "billing", "environment": "production"},
        }
        assert list(document)[:4] == ["@timestamp", "log.level", "message", "ecs.version"]

    @pytest.mark.parametrize(
        "outcome, ecs", [("ok", "success"), ("error", "failure"), ("cancelled", "unknown"), ("abandoned", "unknown")]
    )
    def test_outcomes(self, outcome: str, ecs: str) -> None:
        """ECS knows three outcomes; ours is kept beside."""
        document = to_ecs(CALL | {"outcome": outcome, "error_type": "TimeoutError"})

        assert (document["event"]["outcome"], document["pepperpy"]["outcome"]) == (ecs, outcome)
        assert document["error"] == {"type": "TimeoutError"}

    def test_of_somebody_elses_event(self) -> None:
        """Of an application's own event, only what means the same everywhere is more than a label."""
        event = {
            "timestamp": datetime(2026, 11, 23, tzinfo=UTC),
            "level": "error",
            "event": "user came",
            "trace_id": "t",
            "logger": "app",
            "exception": "Traceback ...",
            "value": "high",
            "items": [1, {"a": None}],
            "outcome": True,
            "who": None,
        }

        assert to_ecs(event) == {
            "@timestamp": "2026-11-23T00:00:00+00:00",
            "log.level": "error",
            "message": "user came",
            "ecs.version": "8.17.0",
            "trace": {"id": "t"},
            "log": {"logger": "app"},
            "error": {"stack_trace": "Traceback ..."},
            "labels": {"value_": "high", "items_": '[1,{"a":null}]', "outcome_": "true", "who": None},
        }

    @pytest.mark.parametrize(
        "value, label",
        [("a", "a"), (1, "1"), (0.5, "0.5"), (True, "true"), (Decimal("0.10"), "0.10"), (['"'], '["\\""]'), ({}, "{}")],
    )
    def test_labels_are_text(self, value: object, label: str) -> None:
        """Whatever a user's field holds, its label is text: its mapping can never change."""
        assert to_ecs({"event": "operation.finished", "x": value})["labels"] == {"x": label}

    def test_names_of_labels(self) -> None:
        """Names that ECS does not allow are changed, and no two fields share one."""
        event = {"event": "operation.finished", "a.b": 1, "a b": 2, "a_b": 3, "": 4, "response.id": 5, "model": "m"}

        assert to_ecs(event)["labels"] == {
            "a_b": "1",
            "a_b_": "2",
            "a_b__": "3",
            "_": "4",
            "response_id_": "5",
            "model": "m",
        }

    @pytest.mark.parametrize("timestamp", [1795375380, 1795375380.0])
    def test_times_as_numbers(self, timestamp: float) -> None:
        """Seconds since 1970 are written as a date: Elasticsearch would take them for milliseconds."""
        assert to_ecs({"event": "e", "timestamp": timestamp})["@timestamp"] == "2026-11-22T19:23:00+00:00"


@pytest.mark.parametrize("name", ["model", "provider", "agent", "error_type", "exception", "logger", "response_id"])
@pytest.mark.parametrize("value", [5, 1.5, True, {"a": 1}, ["a", {"b": 2}]])
def test_where_texts_stand_there_is_text(name: str, value: Any) -> None:
    """A user's field may bear our name: an object among texts would cost Elasticsearch the whole event."""
    group, _, inner = ECS_PATHS[name].partition(".")
    assert to_ecs({**CALL, name: value})[group][inner] == json.dumps(value, separators=(",", ":"))


def test_money_is_a_number_that_can_be_summed() -> None:
    """Without a template too: a zero is no integer, whose type would cut all later costs; too many digits stay text."""
    event = {
        "event": "operation.finished",
        "cost_usd": "0",
        "saved_usd": Decimal("0.1"),
        "retried_usd": "0." + "123" * 9,
    }
    inner = to_ecs(event)["pepperpy"]
    assert inner == {"cost_usd": 0.0, "saved_usd": 0.1, "retried_usd": "0." + "123" * 9}
    assert type(inner["cost_usd"]) is float
