from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs import _guard
from pepperpy_obs.aggregate.series_data import INTERVAL, Exemplar
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.export.families import DURATION, DURATION_BOUNDS, FAMILIES, FIRST_ITEM, HistogramSample
from pepperpy_obs.export.histograms import Histograms
from pepperpy_obs.export.projection import collect_families, read
from pepperpy_obs.readings import DeliveryStats, LiveState, OutputStats, Reading, SelfStats, StoreStats, WatchedCache
from tests.still import AT, Still

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAN: dict[str, Any] = {"operation": "plan", "agent": "scout", "kind": "agent"}


def ask(**fields: Any) -> dict[str, Any]:
    """Return the fields of a call to a provider."""
    asked = {"operation": "ask", "agent": "scout", "kind": "llm", "provider": "openai", "model": "gpt-4o"}
    return {**asked, **fields}


def values(still: Still) -> dict[str, Mapping[tuple[str, ...], Any]]:
    """Return the rows of all counters and gauges that have any."""
    found = collect_families(read(still), Histograms())
    return {filled.family.name: filled.values for filled in found if filled.values}


def samples(still: Still) -> dict[str, Mapping[tuple[str, ...], HistogramSample]]:
    """Return the rows of all histograms that have any."""
    return {
        filled.family.name: filled.samples for filled in collect_families(read(still), Histograms()) if filled.samples
    }


def test_a_runtime_at_rest_exposes_every_family(still: Still) -> None:
    """Every family is there from the start, in order, and only the count of events has a row: a zero."""
    found = list(collect_families(read(still), Histograms()))
    assert [filled.family for filled in found] == list(FAMILIES)
    assert values(still) == {"pepperpy_obs_events_total": {(): 0}}


def test_calls_requests_tokens_and_money_are_summed_by_their_labels(still: Still) -> None:
    """Each family sums the cells that share its labels, exactly, and shows the zero of errors and unpriced requests."""
    still.fold(**PLAN, outcome="ok", duration_seconds=3.0)
    still.fold(**ask(), outcome="ok", input_tokens=10, output_tokens=2, cache_read_tokens=4, cost_usd=Decimal("0.1"))
    still.fold(**ask(model="o3"), outcome="ok", input_tokens=1, reasoning_tokens=1, cost_usd=Decimal("1e-20"))
    still.fold(**ask(agent="owl"), outcome="error", input_tokens=5, cost_usd=Decimal("0.2"))
    still.fold(
        "usage.recorded", operation="ask", provider="openai", model="odd", input_tokens=7, cost_source="unpriced"
    )
    still.fold("cache.looked_up", cache="answers", cache_hit=True)

    assert values(still) == {
        "pepperpy_operations_total": {
            ("plan", "scout", "agent", "ok"): 1,
            ("plan", "scout", "agent", "error"): 0,
            ("ask", "scout", "llm", "ok"): 2,
            ("ask", "scout", "llm", "error"): 0,
            ("ask", "owl", "llm", "ok"): 0,
            ("ask", "owl", "llm", "error"): 1,
        },
        "pepperpy_llm_requests_total": {
            ("openai", "gpt-4o", "ask", "ok"): 1,
            ("openai", "gpt-4o", "ask", "error"): 1,
            ("openai", "o3", "ask", "ok"): 1,
            ("openai", "o3", "ask", "error"): 0,
            ("openai", "odd", "ask", "ok"): 1,
            ("openai", "odd", "ask", "error"): 0,
        },
        "pepperpy_llm_tokens_total": {
            ("openai", "gpt-4o", "ask", "input"): 15,
            ("openai", "gpt-4o", "ask", "output"): 2,
            ("openai", "gpt-4o", "ask", "cache_read"): 4,
            ("openai", "o3", "ask", "input"): 1,
            ("openai", "o3", "ask", "reasoning"): 1,
            ("openai", "odd", "ask", "input"): 7,
        },
        "pepperpy_llm_cost_usd_total": {
            ("openai", "gpt-4o", "ask"): Decimal("0.3"),
            ("openai", "o3", "ask"): Decimal("1e-20"),
        },
        "pepperpy_llm_unpriced_requests_total": {("openai", "gpt-4o"): 0, ("openai", "o3"): 0, ("openai", "odd"): 1},
        "pepperpy_llm_requests_without_usage_total": {
            ("openai", "gpt-4o", "ask"): 0,
            ("openai", "o3", "ask"): 0,
            ("openai", "odd", "ask"): 0,
        },
        "pepperpy_cache_lookups_total": {("answers", "hit"): 1, ("answers", "miss"): 0},
        "pepperpy_obs_events_total": {(): 6},
    }


def test_what_is_true_now_is_exposed(still: Still) -> None:
    """Running calls, agents at work, and watched caches with their own lookups come from the live facts."""
    still.now = LiveState(
        {("plan", "scout"): 2, ("ask", ""): 1},
        {"scout": 2},
        {"answers": WatchedCache(size=3, maxsize=12, hits=5, misses=1), "log": WatchedCache(size=3)},
    )
    assert values(still) == {
        "pepperpy_operations_active": {("plan", "scout"): 2, ("ask", ""): 1},
        "pepperpy_agents_active": {("scout",): 2},
        "pepperpy_cache_lookups_total": {("answers", "hit"): 5, ("answers", "miss"): 1},
        "pepperpy_cache_utilization_ratio": {("answers",): 0.25},
        "pepperpy_obs_events_total": {(): 0},
    }


def test_our_own_health_is_exposed(still: Still) -> None:
    """Lost lines, failures, overflows and what every sink took are exposed under their own names."""
    still.store = Store(max_series=1)
    still.fold(**PLAN, outcome="ok")
    still.fold(**ask(), outcome="ok")
    still.own = SelfStats({"file": 3}, {"price": 2}, {"file": OutputStats(lines=7, failures=1), "loki": OutputStats()})
    found = values(still)
    assert {name: rows for name, rows in found.items() if name.startswith("pepperpy_obs_")} == {
        "pepperpy_obs_events_total": {(): 2},
        "pepperpy_obs_events_dropped_total": {("file",): 3},
        "pepperpy_obs_errors_total": {("price",): 2},
        "pepperpy_obs_series_overflow_total": {("operations",): 1},
        "pepperpy_obs_ship_lines_total": {("file",): 7, ("loki",): 0},
        "pepperpy_obs_ship_failures_total": {("file",): 1, ("loki",): 0},
    }
    assert found["pepperpy_operations_total"]["_other", "_other", "_other", "ok"] == 1


def test_the_books_of_receivers_are_exposed(still: Still) -> None:
    """What a scrape shows of a receiver adds up: accepted is what is settled and what is pending."""
    books = DeliveryStats(
        "loki", 20, 10, {"400": 1, "too_old": 2}, {"spool_full": 3}, 4, {"503": 5}, 9, "401: no", 1, 2, 77, 2
    )
    still.own = SelfStats(deliveries={"loki": books})
    found = {name: rows for name, rows in values(still).items() if "_ship_" in name}
    assert found == {
        "pepperpy_obs_ship_accepted_total": {("loki",): 20},
        "pepperpy_obs_ship_events_total": {
            ("loki", "acknowledged"): 10,
            ("loki", "rejected"): 3,
            ("loki", "dropped"): 3,
        },
        "pepperpy_obs_ship_pending": {("loki",): 4},
        "pepperpy_obs_ship_retries_total": {("loki",): 5},
        "pepperpy_obs_ship_held": {("loki",): 1},
        "pepperpy_obs_ship_spool_bytes": {("loki",): 77},
        "pepperpy_obs_ship_letters_dropped_total": {("loki",): 2},
    }


def test_the_books_of_the_store_are_exposed(still: Still) -> None:
    """A scrape shows what the store has taken and what waits for it; nothing of a process without a store."""
    assert not [name for name, rows in values(still).items() if "_store_" in name and rows]
    still.own = SelfStats(store=StoreStats(5, 2, 900, 7, 1, 3, "away"))
    assert {name: rows for name, rows in values(still).items() if "_store_" in name} == {
        "pepperpy_obs_store_parts_total": {("written",): 5, ("dropped",): 1},
        "pepperpy_obs_store_waiting": {(): 2},
        "pepperpy_obs_store_waiting_bytes": {(): 900},
        "pepperpy_obs_store_failures_total": {(): 3},
    }


# Nanoseconds, some of them on a bound or next to one.
durations = st.integers(0, 10**13) | st.builds(
    lambda bound, step: round(bound * 1e9) + step, st.sampled_from(DURATION_BOUNDS), st.integers(-1, 1)
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "gpt-4o", "o3"]), durations), min_size=1))
def test_bucket_counts_are_those_of_the_exact_durations(calls: list[tuple[str, int]]) -> None:
    """At each of our bounds the count of a merged series equals a recount of the durations themselves."""
    store = Store()
    for place, (model, nanoseconds) in enumerate(calls):
        seconds = nanoseconds / 1e9
        # Some in one slot, some in the next: cells that are merged over models and over time.
        event = {"event": "operation.finished", "operation": "ask", "model": model, "outcome": "ok"}
        store.fold(event | {"duration_seconds": seconds, "time_to_first_item_seconds": seconds}, place * 3_000_000_000)

    reading = Reading(0, store.snapshot())
    rows = {filled.family: filled.samples for filled in collect_families(reading, Histograms()) if filled.samples}
    recount = [sum(nanoseconds <= bound * 1e9 for _, nanoseconds in calls) for bound in DURATION_BOUNDS]
    for family, labels in ((DURATION, ("ask", "", "")), (FIRST_ITEM, ("ask", ""))):
        found = rows[family][labels]
        assert list(found.counts) == [*recount, len(calls)]
        assert found.sum == sum(nanoseconds for _, nanoseconds in calls) / 1e9


def test_exemplars_stand_in_their_own_buckets(still: Still) -> None:
    """Of the traces of several cells each bucket keeps the latest one that belongs there."""
    for model, seconds, later in (("a", 1.0, 0), ("b", 0.9, 1), ("c", 600.0, 0)):
        ids = {"trace_id": model * 32, "span_id": model * 16}
        still.fold(**ask(model=model, **ids), outcome="ok", duration_seconds=seconds, at=AT + later)
    row = samples(still)["pepperpy_operation_duration_seconds"]["ask", "scout", "llm"]
    assert row.exemplars == {
        DURATION_BOUNDS.index(1.0): Exemplar(AT // INTERVAL, 0.9, AT + 1, "b" * 32, "b" * 16),
        len(DURATION_BOUNDS): Exemplar(AT // INTERVAL, 600.0, AT, "c" * 32, "c" * 16),
    }


def test_one_broken_family_leaves_the_others_whole(still: Still) -> None:
    """A family that cannot be made is left out and counted; all others are exposed."""
    still.now = LiveState(caches=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    names = [filled.family.name for filled in collect_families(read(still), Histograms())]
    broken = {"pepperpy_cache_lookups_total", "pepperpy_cache_utilization_ratio"}
    assert names == [family.name for family in FAMILIES if family.name not in broken]
    assert _guard.failures() == {"collect": 2}


def test_a_runtime_that_cannot_be_read_says_so(still: Still) -> None:
    """A scrape of a broken runtime raises nothing: it shows empty families, and the failure."""
    still.store = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    assert values(still) == {"pepperpy_obs_events_total": {(): 0}, "pepperpy_obs_errors_total": {("collect",): 1}}
