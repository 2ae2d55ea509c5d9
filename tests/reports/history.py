"""A small history that every report is made of, in these tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.readings import LiveState, WatchedCache
from pepperpy_obs.reports.stats import Stats

SECOND: Final = 1_000_000_000
NOON: Final = 1_763_899_200 * SECOND

ASK: Final = {
    "event": "operation.finished",
    "operation": "ask",
    "kind": "llm",
    "agent": "planner",
    "provider": "openai",
    "model": "gpt-4o",
    "team": "red",
}
WRITE: Final = {
    **ASK,
    "operation": "write",
    "agent": "writer",
    "provider": "anthropic",
    "model": "claude",
    "team": None,
}
PRIVATE: Final = {**ASK, "operation": "draft", "provider": "acme", "model": "private", "team": None}
SEARCH: Final = {"event": "operation.finished", "operation": "search", "kind": "tool"}

EVENTS: Final[list[dict[str, Any]]] = [
    {
        **ASK,
        "outcome": "ok",
        "duration_seconds": 1.0,
        "time_to_first_item_seconds": 0.25,
        "input_tokens": 1000,
        "cache_read_tokens": 500,
        "output_tokens": 100,
        "cost_usd": Decimal("0.03"),
        "cost_by_type": {"input": Decimal("0.01"), "output": Decimal("0.02")},
        "saved_usd": Decimal("0.01"),
    },
    {**ASK, "outcome": "error", "error_type": "TimeoutError", "duration_seconds": 4.0},
    {**ASK, "outcome": "error", "error_type": "RateLimitError", "duration_seconds": 2.0},
    {
        **WRITE,
        "outcome": "abandoned",
        "duration_seconds": 0.5,
        "output_tokens": 300,
        "cost_usd": Decimal("0.01"),
        "cost_by_type": {"output": Decimal("0.01")},
    },
    {**PRIVATE, "outcome": "ok", "duration_seconds": 0.5, "input_tokens": 40, "cost_source": "unpriced"},
    {**SEARCH, "outcome": "error", "error_type": "TimeoutError", "duration_seconds": 8.0, "agent": "planner"},
    {**SEARCH, "outcome": "ok", "duration_seconds": 0.0078125},
    {"event": "usage.recorded", "operation": "completion", "provider": "openai", "unsplit_tokens": 60},
    {"event": "cache.looked_up", "cache": "answers", "cache_hit": True},
    {"event": "cache.looked_up", "cache": "answers", "cache_hit": False},
]

LIVE: Final = LiveState(
    active={("ask", "planner"): 2},
    agents={"planner": 2, "newcomer": 1},
    caches={"answers": WatchedCache(30, 40), "pages": WatchedCache(10, None, hits=3, misses=1)},
)


def told(window: float | None = None) -> Stats:
    """Return the statistics of the history, one event every 2 seconds."""
    store = Store(attributes=["team"])
    for number, event in enumerate(EVENTS):
        store.fold(event, NOON + 2 * number * SECOND)
    return Stats(store.snapshot(window, NOON + 20 * SECOND), LIVE)


def nothing() -> Stats:
    """Return the statistics of no events."""
    return Stats(Store().snapshot())
