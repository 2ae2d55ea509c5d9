"""The runtime: counts stay right under threads, reconfiguration, frozen time; settings are taken over whole."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

import pepperpy_obs
from pepperpy_obs import (
    Config,
    SetupError,
    _dispatch,
    cache_lookup,
    configure,
    costed,
    current_call,
    measure,
    measured,
    record_usage,
    stats,
    watch_cache,
)
from pepperpy_obs.metrics import Metric, MetricsCollector
from pepperpy_obs.testing import ManualClock, captured

ANSWER = {"object": "chat.completion", "model": "gpt-4o", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}


@pytest.fixture(autouse=True)
def _silent_again(no_thread_left: None) -> Iterator[None]:
    yield
    configure(Config(config_file=None, log_format="none"))
    pepperpy_obs.shutdown()


def test_no_call_is_lost_or_doubled_under_threads() -> None:
    """Eight threads, switched as often as possible, with readers in between: every call is counted once."""
    calls, threads = 2000, 8

    @measured(operation="hammered")
    def hammered() -> None:
        pass

    def work() -> None:
        for _ in range(calls):
            hammered()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with captured(Config(config_file=None, buffer_limit=100)) as seen:
            running = [threading.Thread(target=work) for _ in range(threads)]
            for one in running:
                one.start()
            while any(one.is_alive() for one in running):
                assert seen.stats.performance.calls <= calls * threads
            for one in running:
                one.join()

            assert seen.stats.performance.calls == calls * threads
            assert len({event["span_id"] for event in seen.events}) == calls * threads
    finally:
        sys.setswitchinterval(interval)


def test_a_read_sees_every_call_that_has_returned() -> None:
    """Read your own calls: after each call the count is one more."""

    @measured
    def f() -> None:
        pass

    with captured() as seen:
        for count in range(1, 50):
            f()
            assert seen.stats.performance.calls == count


def test_running_calls_are_known() -> None:
    """While a call runs it is active, under its agent; afterwards it is not."""
    with captured() as seen:
        with measure("outer", kind="agent", agent="planner"), measure("inner"):
            live = seen.stats.live
            assert live.active == {("outer", "planner"): 1, ("inner", "planner"): 1}
            assert live.agents == {"planner": 1}

        assert seen.stats.live.active == {}


def test_configure_again_takes_the_new_settings_and_keeps_the_counts(tmp_path: Path) -> None:
    """What was recorded before leaves the old way; counts go on."""
    one, two = tmp_path / "one", tmp_path / "two"
    before = stats().performance.calls
    configure(Config(config_file=None, log_file=one, log_format="json"))
    with measure("first"):
        pass
    configure(Config(config_file=None, log_file=two, log_format="ecs", service="s"))
    with measure("second"):
        pass
    pepperpy_obs.flush()

    assert [json.loads(line)["operation"] for line in one.read_text().splitlines()] == ["first"]
    assert [json.loads(line)["service"]["name"] for line in two.read_text().splitlines()] == ["s"]
    assert stats().performance.calls == before + 2


def test_configure_says_by_which_fields_costs_are_told_apart() -> None:
    """The fields that `cost_attributes` names count from then on, though the process has counted before."""

    @costed(operation="ask")
    def ask() -> Any:
        current_call().add(shop="north")
        return ANSWER

    ask()
    assert "shop" not in stats().cost.groups
    configure(Config(config_file=None, log_format="none", cost_attributes=("shop",)))
    ask()
    assert {name: one.requests for name, one in stats().cost.groups["shop"].items()} == {"north": 1}
    assert stats().cost.cost_by_attribute["shop"]["north"] > 0


def test_a_setting_that_cannot_be_met_leaves_the_old_ones_in_force(tmp_path: Path) -> None:
    """A log file that cannot be opened raises at once, and logging goes on where it went."""
    log = tmp_path / "log"
    configure(Config(config_file=None, log_file=log, log_format="json"))
    with pytest.raises(SetupError, match="cannot be opened"):
        configure(Config(config_file=None, log_file=tmp_path))
    with measure("x"):
        pass
    pepperpy_obs.flush()

    assert [json.loads(line)["operation"] for line in log.read_text().splitlines()] == ["x"]


def test_time_can_be_frozen() -> None:
    """Freezegun moves timestamps and durations of every kind of wrapper."""

    @measured(operation="frozen")
    def frozen() -> None:
        clock.tick(1.5)

    with captured() as seen, freeze_time("2026-01-02 03:04:05") as clock:
        frozen()
        event = seen.event

    assert (event["timestamp"], event["duration_seconds"]) == ("2026-01-02T03:04:06.500000Z", 1.5)


def test_a_call_frozen_and_drained_later_has_a_sane_timestamp() -> None:
    """A reading of an exchanged clock does not date an event into another age."""
    with captured() as seen:
        with freeze_time("2026-01-02"), measure("x"):
            pass

        assert seen.event["timestamp"][:4] in {"2026", "2027"}


def test_a_manual_clock_measures_what_it_is_told() -> None:
    """Durations and times to the first item are those of the clock in force."""

    @measured(operation="stream")
    def stream() -> Iterator[int]:
        clock.advance(1)
        yield 1
        clock.advance(2)
        yield 2

    with captured() as seen, ManualClock() as clock:
        for _ in stream():
            clock.advance(0.5)
        event = seen.event

    assert (event["duration_seconds"], event["time_to_first_item_seconds"]) == (4.0, 1.0)


def test_a_second_answer_in_one_call_is_an_event_of_its_own() -> None:
    """The first answer is the call's; a further one, and one outside any call, is `usage.recorded`."""
    with captured() as seen:
        with measure("ask"):
            record_usage(ANSWER)
            record_usage(ANSWER, provider="azure")
        record_usage(ANSWER)
        ask, second, lone = sorted(seen.events, key=lambda e: (e["event"], "span_id" not in e))

        assert [(e["event"], e.get("provider"), e["input_tokens"]) for e in (ask, second, lone)] == [
            ("operation.finished", "openai", 10),
            ("usage.recorded", "azure", 10),
            ("usage.recorded", "openai", 10),
        ]
        assert (second["operation"], second["span_id"]) == ("ask", ask["span_id"])
        assert seen.stats.usage.total_calls == 3
        assert seen.stats.usage.total_tokens == 45


def test_cache_lookups_are_counted_in_and_outside_of_calls() -> None:
    """The first lookup of a call is on its event, further ones are events of their own; all are counted."""
    with captured() as seen:
        with measure("answer"):
            cache_lookup("answers", hit=True)
            cache_lookup("answers", hit=False)
        cache_lookup("answers", hit=False)
        current_call().cache_lookup("answers", hit=True)
        names = sorted(event["event"] for event in seen.events)

        assert names == ["cache.looked_up"] * 3 + ["operation.finished"]
        assert seen.stats.cache.hit_rate == 0.5


def test_a_watched_cache_is_shown_until_it_is_gone() -> None:
    """Size, limit, hits and misses of an lru_cache are in the statistics; a dead cache is not."""
    from functools import lru_cache

    cached = lru_cache(maxsize=4)(lambda x: x)
    watch_cache("squares", cached)
    cached(1)
    cached(1)
    with captured() as seen:
        shown = seen.stats.live.caches["squares"]
        del cached

        assert (shown.size, shown.maxsize, shown.hits, shown.misses) == (1, 4, 1, 1)
        assert "squares" not in seen.stats.live.caches


def test_what_cannot_be_watched_is_refused() -> None:
    """SetupError says what a cache must offer."""
    with pytest.raises(SetupError, match="cache_info"):
        watch_cache("x", 3)


def test_a_collector_with_a_config_counts_apart(tmp_path: Path) -> None:
    """Its calls are in its own statistics and log, and nowhere else; nor does it see others'."""
    log = tmp_path / "log"
    before = stats().performance.calls
    collector = MetricsCollector(Config(config_file=None, log_file=log, log_format="json"))
    with collector.record_call("openai", operation="chat", model="gpt-4o") as call:
        call.record_usage(ANSWER)
    with measure("elsewhere"):
        pass
    metric = Metric("tickets", "Tickets closed", unit="tickets")
    collector.record_metric(metric, 2.0, team="a")
    counted = collector.stats()
    collector.shutdown()

    assert (counted.performance.calls, counted.usage.calls_by_provider) == (1, {"openai": 1})
    assert stats().performance.calls == before + 1
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()] == [
        "operation.finished",
        "metric.recorded",
    ]


def test_a_disabled_collector_records_nothing() -> None:
    """`metrics_enabled=False` leaves calls alone."""
    collector = MetricsCollector(Config(config_file=None, metrics_enabled=False, log_format="none"))
    with collector.record_call("openai") as call:
        call.record_usage(ANSWER).cache_lookup("x", hit=True)

    assert collector.stats().performance.calls == 0
    collector.shutdown()


def test_a_broken_usage_reader_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """An answer that raises when it is looked at costs its usage and nothing else."""

    class Hostile:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    with captured() as seen:
        with measure("x") as call:
            call.record_usage(Hostile())

        assert (seen.event["outcome"], seen.event["usage_flags"]) == ("ok", ["missing"])


def test_memory_stays_bounded_without_a_reader() -> None:
    """A buffer that nobody reads is relieved by the callers, so it never holds more than its limit."""

    @measured
    def f() -> None:
        pass

    with captured(Config(config_file=None)) as seen:
        longest = 0
        for _ in range(30_000):
            f()
            longest = max(longest, len(_dispatch.RECORDS.records))

        assert longest <= _dispatch.RECORDS.capacity
        assert seen.stats.performance.calls == 30_000


def test_a_stream_that_failed_lacks_usage_and_not_a_price() -> None:
    """What it used is unknown, before its first item too: the provider may bill it."""

    @costed(operation="refused", provider="openai", model="gpt-4o")
    def refused(items: int) -> Iterator[object]:
        yield from ({"object": "chat.completion.chunk", "choices": []} for _ in range(items))
        raise ConnectionError

    with captured() as seen:
        for items in (0, 1):
            with pytest.raises(ConnectionError):
                list(refused(items))

        assert [e.get("cost_source") for e in seen.events] == [None, None]
        assert [e.get("usage_incomplete") for e in seen.events] == [None, True]
        cost = seen.stats.cost
        assert [e.get("usage_flags") for e in seen.events] == [["missing"], None]
        assert (cost.unpriced_calls, cost.unpriced_by_model, cost.calls_without_usage) == (0, {}, 2)


def test_what_is_no_config_or_no_window_is_refused() -> None:
    """Settings in a dict and a window that is none are set-up errors that say what to give."""
    with pytest.raises(SetupError, match=r"a dict is no Config; give one: configure\(Config\("):
        configure({"log_format": "json"})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(SetupError, match="window='soon': use seconds above 0"):
        pepperpy_obs.stats(window="soon")
