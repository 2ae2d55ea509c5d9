from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.processors import Console

CALL: dict[str, Any] = {
    "timestamp": "2026-11-23T19:23:00.123456Z",
    "level": "info",
    "event": "operation.finished",
    "event_id": "0" * 32,
    "operation": "research.plan",
    "kind": "llm",
    "outcome": "ok",
    "duration_seconds": 1.25,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}
PROVIDER = {"model": "gpt-4o", "input_tokens": 1203, "output_tokens": 412, "cost_usd": Decimal("0.0123")}


def lines(*events: dict[str, Any]) -> list[str]:
    """Return the lines of these events without colours."""
    return b"".join(Console(colors=False).lines(events)).decode().splitlines()


class TestLine:
    def test_columns(self) -> None:
        """Time, outcome, duration and operation stand in columns, and what else is known behind them."""
        found = lines(
            CALL,
            CALL | PROVIDER | {"agent": "ann", "user": "u-1", "note": "two words", "cache_read_tokens": 100},
            CALL | {"outcome": "error", "error_type": "TimeoutError", "duration_seconds": 75.4, "over_budget": True},
            CALL | PROVIDER | {"outcome": "abandoned", "usage_incomplete": True, "time_to_first_item_seconds": 0.2},
            CALL | {"model": "m", "input_tokens": 1, "cost_source": "unpriced", "cache": "c", "cache_hit": True},
        )
        plan = "research.plan           "

        assert found == [
            f"19:23:00.123  ok            1.25 s  {plan}  4bf92f35",
            (
                f"19:23:00.123  ok            1.25 s  {plan}  by ann  gpt-4o  1,203 (100 cached) → 412 tokens  "
                "$0.0123  user=u-1  note='two words'  4bf92f35"
            ),
            f"19:23:00.123  error       1 m 15 s  {plan}  TimeoutError  over budget  4bf92f35",
            (
                f"19:23:00.123  abandoned     1.25 s  {plan}  gpt-4o  first item after 200.0 ms  "
                "1,203 → 412… tokens  $0.0123  4bf92f35"
            ),
            f"19:23:00.123  ok            1.25 s  {plan}  m  1 → ? tokens  unpriced  hit in c  4bf92f35",
        ]

    def test_other_events(self) -> None:
        """Each kind of event says in its own words what happened, and somebody else's is shown whole."""
        head = {"timestamp": CALL["timestamp"], "level": "warning"}
        assert lines(
            head | {"event": "cache.looked_up", "cache": "answers", "cache_hit": False},
            head | {"event": "metric.recorded", "metric": "jobs", "value": 3.0, "metric_unit": "1", "labels": {}},
            head | {"event": "usage.recorded", "provider": "openai", "input_tokens": 5},
            head | {"event": "user came", "value": 3, "exception": "Traceback:\n  ValueError"},
            {"event": "bare"},
        ) == [
            "19:23:00.123  miss                  cache answers",
            "19:23:00.123  metric                jobs = 3.0 1",
            "19:23:00.123  usage                 openai                    5 → ? tokens",
            "19:23:00.123  warning               user came                 value=3",
            "    Traceback:",
            "      ValueError",
            "                                    bare",
        ]

    @pytest.mark.parametrize("cost, shown", [("12.345", "$12.34"), ("0.0123", "$0.0123"), ("0.00001", "$0.000010")])
    def test_money(self, cost: str, shown: str) -> None:
        """Money has as many digits as one cares for."""
        assert shown in lines(CALL | {"cost_usd": Decimal(cost)})[0].split()


class TestColors:
    def test_on_request(self) -> None:
        """Colours mark the outcome and end with the word that they mark."""
        line = Console(colors=True)(None, "info", dict(CALL))

        assert "\x1b[32mok       \x1b[0m" in line
        assert "\x1b[1mresearch.plan           \x1b[0m" in line
        assert line.count("\x1b[0m") * 2 == line.count("\x1b[")


class TestSafety:
    @given(st.dictionaries(st.text(max_size=5), st.text() | st.binary() | st.integers(), max_size=3), st.text())
    def test_law_no_event_forges_a_line(self, fields: dict[str, Any], name: str) -> None:
        """Whatever an event holds, it is one line of printable text."""
        fields.pop("exception", None)
        line = Console(colors=False)(None, "info", CALL | fields | {"operation": name})

        assert line.isprintable()
        assert Console(colors=False)(None, "info", fields | {"event": name}).isprintable()

    def test_long_text_is_cut(self) -> None:
        """A long answer does not fill the screen."""
        assert lines(CALL | {"answer": "x" * 500})[0].endswith(f"{'x' * 99}…  4bf92f35")
