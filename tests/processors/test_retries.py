from __future__ import annotations

from decimal import Decimal
from typing import Any

from pepperpy_obs._event import AT
from pepperpy_obs.processors.retries import Retries

SECOND = 1_000_000_000


def through(*events: tuple[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """Send requests of one caller, each of one second and ending at its time, through the link; return what it adds."""
    link = Retries()
    usual = {"operation": "ask", "kind": "llm", "trace_id": "t", "parent_span_id": "p", "duration_seconds": 1.0}
    added = []
    for end, fields in events:
        before = {**usual, "outcome": "ok", **fields, AT: end * SECOND}
        after = link(None, "info", dict(before))
        added.append({key: value for key, value in after.items() if key not in before})
    return added


FAILED = {"outcome": "error", "cost_usd": Decimal("0.5")}


def test_each_try_but_the_first_is_a_retry() -> None:
    """It says what the try before it cost, and a third one names the second only."""
    assert through((1, FAILED), (2, FAILED), (3, {}), (4, {})) == [
        {},
        {"retry": True, "retried_usd": Decimal("0.5")},
        {"retry": True, "retried_usd": Decimal("0.5")},
        {},
    ]


def test_an_unknown_cost_is_none() -> None:
    """A failed call mostly has no cost; its retry is a retry all the same."""
    assert through((1, {"outcome": "error"}), (2, {})) == [{}, {"retry": True}]


def test_what_ran_at_the_same_time_is_none() -> None:
    """A request that had begun before the other one failed does not repeat it."""
    assert through((3, FAILED), (3, {}), (4, {})) == [{}, {}, {"retry": True, "retried_usd": Decimal("0.5")}]


def test_others_are_none() -> None:
    """Another caller, another operation, another trace, no request, no caller: none of these repeats it."""
    others: list[dict[str, Any]] = [{"parent_span_id": "q"}, {"operation": "plan"}, {"trace_id": "u"}, {"kind": "tool"}]
    assert through((1, FAILED), *[(9, other) for other in others]) == [{}] * 5
    assert Retries()(None, "info", {"outcome": "error", "kind": "llm"}) == {"outcome": "error", "kind": "llm"}


def test_memory_is_bounded() -> None:
    """Failures that nobody repeats are forgotten in the end, the oldest first."""
    many = [(1, {**FAILED, "parent_span_id": str(number)}) for number in range(4097)]
    assert through(*many, (3, {"parent_span_id": "0"}), (3, {"parent_span_id": "1"}))[-2:] == [
        {},
        {"retry": True, "retried_usd": Decimal("0.5")},
    ]


def test_who_says_that_it_is_a_first_attempt_is_believed() -> None:
    """A next question after a failure is told from a retry by the `attempt` that the caller says."""
    assert through((1, FAILED), (2, {"attempt": 1}), (3, {})) == [{}, {}, {}]
    retried = {"retry": True, "retried_usd": Decimal("0.5")}
    assert through((1, {**FAILED, "attempt": 1}), (2, {"attempt": 2})) == [{}, retried]
