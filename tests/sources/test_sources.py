"""The same questions get the same numbers from this process, its log and its pages."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pepperpy_obs
from pepperpy_obs import Config, MetricsCollector, SetupError
from pepperpy_obs.metrics.health import HealthChecker
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.source import Source
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.sources import as_source, source


def counted(reading: Reading) -> dict[str, Any]:
    """Return what was counted as plain values."""
    return reading.snapshot.to_dict()


@pytest.mark.parametrize("window", [None, 60, "2m", "1h", "24h"])
def test_every_source_counts_the_same(any_source: Source, collector: MetricsCollector, window: str | None) -> None:
    """Whatever the window, series, tokens, costs and the stretch itself are equal."""
    expected = collector.runtime.reading(window)
    assert expected.snapshot.series
    assert counted(any_source.reading(window)) == counted(expected)


def test_every_source_has_the_same_reports(any_source: Source, collector: MetricsCollector) -> None:
    """Reports differ only in what a log cannot know: how many calls run."""
    expected, found = (Stats.of(one.reading("5m")).to_dict() for one in (collector.runtime, any_source))
    knows = any_source.reading().live.known
    assert found["agents"]["running"] == (0 if knows else None)
    assert found["agents"]["agents"]["scout"]["running"] == (0 if knows else None)
    for one in (expected, found):
        del one["agents"]["running"], one["agents"]["agents"]["scout"]["running"]
    assert found == expected


@pytest.mark.parametrize("window,step", [("5m", "10s"), ("5m", 60), ("1h", "5m"), ("24h", "1h"), (95, 10)])
def test_every_source_has_the_same_history(
    any_source: Source, collector: MetricsCollector, window: str, step: str
) -> None:
    """Steps are aligned, equal, without a gap, and hold the same in every source."""
    expected, found = (one.history(window, step) for one in (collector.runtime, any_source))
    assert [(one.at, counted(one)) for one in found] == [(one.at, counted(one)) for one in expected]
    starts = [one.snapshot.start or 0 for one in found]
    length = round((found[0].snapshot.window or 0) * 1e9)
    assert all(start % length == 0 for start in starts)
    assert starts == list(range(starts[0], starts[-1] + 1, length))


def test_a_history_adds_up_to_its_window(any_source: Source) -> None:
    """No call is in two steps, and none is lost between them."""
    steps = any_source.history("5m", "10s")
    assert [sum(one.snapshot.events.values()) for one in steps if one.snapshot.events] == 5 * [1]
    assert sum(sum(one.snapshot.events.values()) for one in any_source.history("24h", "1h")) == 7


def test_only_a_log_has_steps_of_any_length(any_source: Source, log: Path) -> None:
    """A step that windows do not keep is refused by name; logs are folded by it."""
    found = source(log, config=Config(config_file=None)).history("600s", 7)
    assert sum(sum(one.snapshot.events.values()) for one in found) == 7
    if type(any_source).__name__ == "LogFiles":
        return
    with pytest.raises(SetupError, match=r"43 steps of 7 s are not kept; .* multiple of one that is: 10 s for 300 s"):
        any_source.history("301s", 7)


def test_every_source_has_the_same_events(any_source: Source, collector: MetricsCollector) -> None:
    """The newest come first, whole, and only those that have all that is asked for."""
    found = any_source.events(limit=3)
    assert [event["input_tokens"] for event in found] == [1006, 1005, 1004]
    assert list(found) == list(collector.runtime.events(limit=3))
    odd = any_source.events(operation="ask 1", agent="scout", outcome="ok")
    assert [event["input_tokens"] for event in odd] == [1005, 1003, 1001]
    assert any_source.events(trace_id=odd[1]["trace_id"]) == [odd[1]]
    assert list(any_source.events(agent="nobody")) == []
    with pytest.raises(SetupError, match="limit=0: use a whole number from 1 to 10000"):
        any_source.events(limit=0)


def test_a_log_has_windows_of_weeks(log: Path) -> None:
    """A window longer than a live process keeps is folded from the log, and ends with the newest event."""
    reading = source(log, config=Config(config_file=None)).reading("30d")
    assert (reading.snapshot.window, sum(reading.snapshot.events.values())) == (30 * 86_400, 7)


def test_a_log_is_read_again_when_it_has_grown(log: Path, collector: MetricsCollector, tmp_path: Path) -> None:
    """A source of logs shows what they hold now; gzip is read as it is."""
    packed = tmp_path / "app.log.1.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    found = source(str(packed), str(log), config=Config(config_file=None))
    assert sum(found.reading().snapshot.events.values()) == 7
    with collector.record_call("openai"):
        pass
    collector.runtime.flush()
    assert sum(found.reading().snapshot.events.values()) == 8


def test_health_judges_a_source_by_what_it_can_know(any_source: Source) -> None:
    """Lost lines and outputs are judged where they are known, and are no check at all elsewhere."""
    results = HealthChecker(any_source).check().checks
    assert ("dropped" in results, "exporters" in results) == 2 * (any_source.reading().own.known,)
    assert "error_rate" in results


def test_the_front_door_reads_any_source(log: Path) -> None:
    """`stats` and `health` take a source or its name; nothing is this process."""
    by_name = pepperpy_obs.stats("5m", source=str(log)).to_dict()
    assert by_name == pepperpy_obs.stats("5m", source=pepperpy_obs.source(log)).to_dict()
    assert by_name["performance"]["calls"] == 7
    assert pepperpy_obs.health(source=log).status == "pass"
    assert pepperpy_obs.source() is as_source(None)


def test_a_log_is_read_while_time_is_frozen(log: Path) -> None:
    """What reads logs may be loaded under freezegun, as in a test of an application."""
    program = f"""if True:
        import pepperpy_obs
        from freezegun import freeze_time
        with freeze_time("2026-11-24"):
            print(pepperpy_obs.stats(source={str(log)!r}).performance.calls)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "7\n"


@pytest.mark.parametrize(
    "places,message",
    [
        (["sqlite:////nowhere/obs.db"], "the store sqlite:////nowhere/obs.db cannot be used: unable to open database"),
        (["shared:/nowhere"], "shared:/nowhere is no directory; give the share_directory of a service"),
        (["redis://host"], "a source redis: names no source that is known; give nothing"),
        (["http://one:1", "http://two:2"], "2 places of which 2 are URLs; give one URL, or several log files"),
        (["/nowhere/app.log"], "'/nowhere/app.log' cannot be read"),
        (["-"], "standard input can be read once only"),
        (["http://host:port"], "no address of a service; give one such as http://127.0.0.1:8000"),
    ],
)
def test_what_is_no_source_is_refused(places: list[str], message: str) -> None:
    """A name that cannot be opened is a set-up error that says what is accepted."""
    with pytest.raises(SetupError, match=message):
        source(*places)


def test_a_process_without_a_log_says_that_it_keeps_no_events() -> None:
    """Events are those of the log file; without one the error says which settings would do."""
    alone = MetricsCollector(Config(config_file=None, log_format="none"))
    with pytest.raises(SetupError, match="keeps no events: set log_file, with log_format json or ecs"):
        alone.runtime.events()
    alone.shutdown()
