"""Events, times and values for the laws of the aggregator, and stores of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from pepperpy_obs.aggregate.store import Store

SECOND: Final = 1_000_000_000
History = list[tuple[dict[str, Any], int]]

NOON: Final = 1_763_899_200 * SECOND

seconds = st.one_of(
    st.floats(0, 1e6, allow_subnormal=False),
    st.integers(0, 10**12).map(lambda ns: ns / 1e9),
    st.sampled_from([0.0, 2.0**-9, 0.5, 1.0, 1.0000000000000002, 64.0]),
)
values = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.floats(-10, 10), st.sampled_from([0.0, -0.0]))
money = st.integers(0, 10**12).map(lambda nano: Decimal(nano).scaleb(-12))
tokens = st.integers(0, 10**6)
times = st.one_of(st.integers(0, 30), st.integers(0, 100_000)).map(lambda second: NOON + second * SECOND)

_agents = st.sampled_from([None, "", "planner", "critic"])
_calls = st.fixed_dictionaries(
    {
        "event": st.just("operation.finished"),
        "operation": st.sampled_from(["ask", "search", "write"]),
        "outcome": st.sampled_from(["ok", "ok", "error", "cancelled", "abandoned"]),
        "duration_seconds": seconds,
    },
    optional={
        "agent": _agents,
        "kind": st.sampled_from(["agent", "llm", "tool"]),
        "provider": st.sampled_from(["openai", "anthropic"]),
        "error_type": st.sampled_from([f"Error{i}" for i in range(40)]),
        "time_to_first_item_seconds": seconds,
        "trace_id": st.sampled_from(["a" * 32, "b" * 32]),
        "span_id": st.sampled_from(["1" * 16, "2" * 16]),
        "input_tokens": tokens,
        "output_tokens": tokens,
        "cache_read_tokens": tokens,
        "cost_usd": money,
        "cost_by_type": st.dictionaries(st.sampled_from(["input", "output", "strange", "odd"]), money),
        "saved_usd": money,
        "cost_source": st.sampled_from(["custom", "unpriced"]),
        "usage_duplicate": st.just(True),
        "usage_aggregate": st.just(True),
        "cache": st.sampled_from(["answers", "pages"]),
        "cache_hit": st.booleans(),
        "retry": st.just(True),
        "retried_usd": money,
        "over_budget": st.just(True),
        "over_budget_usd": money,
        "customer": st.sampled_from(["acme", "initech"]),
    },
)
_usage = st.fixed_dictionaries(
    {"event": st.just("usage.recorded"), "provider": st.just("openai")},
    optional={"operation": st.just("ask"), "input_tokens": tokens, "unsplit_tokens": tokens, "cost_usd": money},
)
_lookups = st.fixed_dictionaries(
    {"event": st.just("cache.looked_up"), "cache": st.sampled_from(["answers", "pages"]), "cache_hit": st.booleans()},
    optional={"saved_usd": money, "operation": st.just("ask")},
)
_metrics = st.fixed_dictionaries(
    {
        "event": st.just("metric.recorded"),
        "metric_unit": st.sampled_from(["", "s", "USD"]),
        "metric_description": st.sampled_from(["", "What it is"]),
        "value": values,
        "labels": st.dictionaries(st.sampled_from(["room", "day"]), st.sampled_from(["1", "2"])),
    },
).flatmap(
    lambda event: st.sampled_from(["counter", "gauge", "histogram"]).map(
        lambda kind: {**event, "metric": f"my_{kind}", "metric_kind": kind}
    )
)
_strange = st.sampled_from(
    [
        {"event": "something.else"},
        {"event": None},
        {"event": "operation.finished", "duration_seconds": float("nan"), "operation": 7},
        {"event": "operation.finished", "duration_seconds": -1.0, "agent": ["no", "label"]},
        {"event": "operation.finished", "input_tokens": -1, "cost_usd": "NaN", "outcome": "odd", "error_type": "E"},
    ]
)

events = st.one_of(_calls, _calls, _usage, _lookups, _metrics, _strange)


def histories(**sizes: Any) -> st.SearchStrategy[History]:
    """Return lists of events with their times."""
    return st.lists(st.tuples(events, times), **sizes)


def folded(history: History, **options: Any) -> Store:
    """Return a store of these events."""
    options.setdefault("attributes", ("customer",))
    store = Store(**options)
    for event, at in history:
        store.fold(event, at)
    return store


def finished(operation: str = "ask", **fields: Any) -> dict[str, Any]:
    """Return the event of a finished call."""
    return {"event": "operation.finished", "operation": operation, "outcome": "ok", **fields}
