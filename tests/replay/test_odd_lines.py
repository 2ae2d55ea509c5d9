from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.formats.ecs import ecs_lines
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.replay.costs import CostFold
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.known_ids import KnownIds
from pepperpy_obs.reports.stats import Stats

pytestmark = pytest.mark.hostile

CALL: dict[str, Any] = {
    "timestamp": "2023-11-16T18:17:03.979960Z",
    "event": "operation.finished",
    "operation": "ask",
    "kind": "llm",
    "outcome": "ok",
    "duration_seconds": 0.125,
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": 1000,
    "cost_usd": Decimal("0.0025"),
    "cost_source": "genai-prices",
}


def twice(events: int, render: Any) -> list[bytes]:
    """Return the lines of as many calls, requests and failures, each of them two times, the copies all behind."""
    kinds: list[dict[str, Any]] = [
        {"kind": "task", "provider": None, "model": None},
        {},
        {"outcome": "error", "error_type": "TimeoutError"},
    ]
    made = [
        {name: value for name, value in {**CALL, **kinds[number % 3], "event_id": f"{number:032x}"}.items() if value}
        for number in range(events)
    ]
    lines: list[bytes] = b"".join(render(made)).splitlines()
    return lines + lines


@pytest.mark.parametrize("render", [json_lines, ecs_lines])
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_an_event_that_comes_again_counts_once(render: Any, piece: int) -> None:
    """Whether its copy stands in the same piece or far behind: the counts are those of the events, doubles are told."""
    lines = twice(300, render)
    once, fold = Fold(Store()), Fold(Store())
    once.lines(lines[:300], "app.log")
    for place in range(0, len(lines), piece):
        fold.lines(lines[place : place + piece], "app.log")
    assert (once.events, once.doubles) == (300, 0)
    assert (fold.events, fold.passed_over, fold.doubles) == (300, 0, 300)
    assert fold.store.snapshot().to_dict() == once.store.snapshot().to_dict()


def test_events_without_an_id_all_count() -> None:
    """Other writers may give none; equal lines are then equal calls."""
    fold = Fold(Store())
    fold.lines(json_lines([CALL])[0].splitlines() * 3, "app.log")
    assert (fold.events, fold.doubles) == (3, 0)


NESTED = b'{"timestamp":"2023-11-16T18:17:03Z","event":"operation.finished","outcome":"ok","duration_seconds":1.0,"x":'
HOSTILE = {
    "brackets": b"[" * 100_000,
    "objects": b'{"a":' * 100_000,
    "a field that nests": NESTED + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "past the last year": NESTED.replace(b"2023-11-16T18:17:03Z", b"9999-12-31T23:59:59-01:00") + b"1}",
    "rounded past it": NESTED.replace(b"2023-11-16T18:17:03Z", b"9999-12-31T23:59:59.9999999Z") + b"1}",
    "before the first": NESTED.replace(b"2023-11-16T18:17:03Z", b"0001-01-01T00:00:00+23:00") + b"1}",
}


@pytest.mark.parametrize("make", [lambda: Fold(Store()), CostFold], ids=["Fold", "CostFold"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_line_costs_itself_only(make: Callable[[], Fold], text: bytes) -> None:
    """Whatever stands in one line, the lines around it count, and reports can be made."""
    call = json_lines([CALL])[0].strip()
    fold = make()
    fold.lines([call, text, call], "app.log")
    fold.lines([call], "app.log")
    found = Stats(fold.store.snapshot())
    assert found.performance.operations["ask"].calls == 3
    assert found.to_json()
    assert (fold.events, fold.passed_over, fold.named[0][:10]) == (3, 1, "app.log:2:")


def test_tokens_without_end_are_refused() -> None:
    """A number that has no quotient would break a report; it is refused as -1 is, and the call counts."""
    many = json_lines([{**CALL, "input_tokens": 10**30}])[0].strip()
    for fold in (Fold(Store()), CostFold()):
        fold.lines([many], "app.log")
        snapshot = fold.store.snapshot()
        assert (fold.events, snapshot.refused) == (1, {"input_tokens": 1})


@pytest.mark.parametrize("make", [lambda: Fold(Store()), CostFold], ids=["Fold", "CostFold"])
def test_memory_stays_flat_whatever_the_lines_are(make: Callable[[], Fold]) -> None:
    """Four times as many events, copies, blank, hostile and foreign lines take no more memory."""

    def peak(events: int) -> int:
        fold = make()
        fold.ids = KnownIds(most=2000, page=500)
        tracemalloc.start()
        for number in range(0, events, 100):
            made = [{**CALL, "event_id": f"{place:032x}"} for place in range(number, number + 100)]
            lines = b"".join(json_lines(made)).splitlines()
            hostile = HOSTILE.values() if number % 1000 == 0 else ()
            fold.lines([*lines, *lines[:50], *[b""] * 2000, *hostile, b"hello", b"{"], "app.log")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (fold.events, fold.doubles, len(fold.named)) == (events, events // 2, 10)
        return most

    peak(1_000)
    short, long = peak(5_000), peak(20_000)
    assert long < short + 200_000


def test_blank_lines_cost_next_to_nothing() -> None:
    """A hundred thousand of them are looked at by none of our decoders, and the numbers of other lines stay right."""
    for fold in (Fold(Store()), CostFold()):
        lines = [b"", b"\r", b"  "] * 40_000
        lines[100_000] = b"hello"
        assert fold.lines(lines, "app.log", 5) == 120_005
        assert (fold.events, fold.passed_over) == (0, 1)
        assert fold.named == ["app.log:100006: not JSON: JSON is malformed: invalid character (byte 0)"]
