from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from pepperpy_obs import anomalies, trends
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.series_data import NO_LLM, Exemplar, SeriesData
from pepperpy_obs.aggregate.snapshot import EMPTY
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.judgement.anomalies import AnomaliesReport, find_anomalies
from pepperpy_obs.judgement.detectors import ErrorDetector, GaugeDetector, TrafficDetector
from pepperpy_obs.judgement.trends import find_trends, level_shift, slope
from pepperpy_obs.readings import Reading
from tests.cli.command import CommandLine

SECOND = 1_000_000_000
BEGIN = 1_763_942_400
STEP = 300
DAY = 86_400 // STEP


class Shape(NamedTuple):
    """What is so of a step's calls."""

    errors: float = 0.0
    """The share that fails."""
    slower: float = 1.0
    spread: float = 0.5
    """Of the logarithms of durations."""
    trace: str = ""


USUAL = Shape()


def history(
    days: float, calls: float, shape: Callable[[int], Shape] = lambda _: USUAL, first: int = 0
) -> list[Reading]:
    """Return steps of five minutes with about so many calls each, as a source gives them."""
    chosen = random.Random(17)
    found: list[Reading] = []
    for number in range(first, first + int(days * DAY)):
        begin, end = ((BEGIN + at * STEP) * SECOND for at in (number, number + 1))
        is_so, count = shape(number), max(0, round(chosen.gauss(calls, calls**0.5)))
        failed = sum(chosen.random() < is_so.errors for _ in range(count))
        took = [is_so.slower * chosen.lognormvariate(-1, is_so.spread) for _ in range(count)]
        outcomes = {name: some for name, some in (("ok", count - failed), ("error", failed)) if some}
        slowest = Exemplar(0, max(took), begin, is_so.trace, "b" * 16) if is_so.trace else None
        data = SeriesData(outcomes, {}, Durations.of(took), Durations(), NO_LLM, begin, end, slowest)
        series = {SeriesKey("ask", "scout"): data} if count else {}
        found.append(Reading(end, replace(EMPTY, start=begin, end=end, window=float(STEP), series=series)))
    return found


def what(report: AnomaliesReport) -> list[tuple[str, list[str]]]:
    """Return what was odd of whom, the surest first."""
    return [(one.agent, [finding.what for finding in one.findings]) for one in report.anomalies]


def test_a_usual_week_has_no_anomaly() -> None:
    """Noise is none, and what was judged is said."""
    report = find_anomalies(history(7, 100))
    assert report == AnomaliesReport((), 1, ())
    assert str(report) == "Anomalies: none (1 operations were judged)"


def test_an_outage_is_one_anomaly_of_all_that_was_odd() -> None:
    """Calls that fail, are slow and are few for ten minutes are one finding of their agent, with what was expected."""
    odd = Shape(errors=0.5, slower=2.7, trace="a" * 32)
    steps = history(6, 200, lambda number: odd if 5 * DAY <= number < 5 * DAY + 3 else Shape(errors=0.02))
    report = find_anomalies(steps)
    assert [(agent, sorted(found)) for agent, found in what(report)] == [("scout", ["errors", "latency"])]
    (anomaly,) = report.anomalies
    errors, latency = sorted(anomaly.findings, key=lambda one: one.what)
    assert errors.expected == pytest.approx(0.02, abs=0.01)
    assert errors.seen == pytest.approx(0.5, abs=0.15)
    assert latency.seen / latency.expected == pytest.approx(2.7, rel=0.2)
    assert latency.trace_id == "a" * 32
    assert anomaly.start == "2025-11-29T00:00:00Z"
    assert anomaly.sure > 1
    assert "latency of ask: " in str(report)


def test_only_the_window_is_told_of() -> None:
    """What was odd before it is left out of the report, and out of what is learned."""
    odd = {3 * DAY, 3 * DAY + 1, 6 * DAY, 6 * DAY + 1}
    steps = history(6.5, 100, lambda number: Shape(errors=0.6 if number in odd else 0.02))
    assert what(find_anomalies(steps)) == [("scout", ["errors"])] * 2
    assert what(find_anomalies(steps, BEGIN + 6 * 86_400)) == [("scout", ["errors"])]


def test_too_few_calls_to_tell_are_told() -> None:
    """A few calls a day are not judged, and named."""
    report = find_anomalies(history(1, 0.2))
    assert (report.anomalies, report.judged, report.too_few) == ((), 0, ("ask of scout",))
    assert "too few calls to tell: ask of scout" in str(report)


def test_a_little_slower_is_no_anomaly() -> None:
    """However sure: less than a fifth more, or less than ten milliseconds, matters to no one."""
    steps = history(6, 200, lambda number: Shape(slower=1.15 if number >= 5 * DAY else 1.0, spread=0.05))
    assert find_anomalies(steps).anomalies == ()


def test_calls_that_stay_away_are_an_anomaly() -> None:
    """No calls at all are told with those that were expected, whoever else was at work."""
    steps = history(5, 100)
    gap = [replace(one, counted=replace(one.snapshot, series={})) for one in steps[-6:]]
    report = find_anomalies([*steps[:-6], *gap])
    assert what(report) == [("scout", ["traffic"])]
    finding = report.anomalies[0].findings[0]
    assert finding.seen == 0
    assert finding.expected == pytest.approx(100, rel=0.1)


def test_how_sure_is_known_by_labels() -> None:
    """A rule takes it as a stat: for each agent, operation and figure the surest finding, and none without one."""
    odd = Shape(errors=0.5, slower=2.7)
    steps = history(6, 200, lambda number: odd if 5 * DAY <= number < 5 * DAY + 3 else Shape(errors=0.02))
    report = find_anomalies(steps)
    scout = ("agent", "scout"), ("operation", "ask")
    assert set(report.surest()) == {(*scout, ("what", "errors")), (*scout, ("what", "latency"))}
    assert list(report.surest("errors")) == [(*scout, ("what", "errors"))]
    assert max(report.surest().values()) == report.anomalies[0].sure
    assert find_anomalies(steps[: 5 * DAY]).surest() == {}


def test_the_step_under_way_is_not_judged() -> None:
    """It has few calls because it is not over."""
    steps = history(4, 100)
    begin = steps[-1].snapshot.start or 0
    under_way = Reading(begin + 1, replace(steps[-1].snapshot, series={}))
    assert find_anomalies([*steps[:-1], under_way]).anomalies == ()


def test_a_new_level_is_learned() -> None:
    """Twice the calls are told of when they begin, and no more a week later."""
    steps = [*history(4, 60), *history(14, 120, first=4 * DAY)]
    assert find_anomalies(steps, BEGIN + 16 * 86_400).anomalies == ()
    assert find_anomalies(steps, BEGIN + 3 * 86_400).anomalies != ()


def test_errors_are_judged_by_their_number() -> None:
    """Ten of a hundred are odd where two are usual; four of twenty are too few to tell."""
    detector = ErrorDetector(300)
    for _ in range(50):
        detector.add(2, 100)
    judged = detector.add(12, 100)
    assert judged is not None
    assert judged.is_odd
    few = ErrorDetector(3600)
    for _ in range(100):
        few.add(1, 20)
    assert few.add(4, 20) is None


def test_a_hundred_calls_are_judged_by_themselves() -> None:
    """They are not joined with those before, which would hide nine errors of a hundred."""
    detector = ErrorDetector(300)
    for _ in range(50):
        detector.add(2, 100)
    judged = detector.add(9, 98)
    assert judged is not None
    assert (judged.seen, judged.is_odd) == (9 / 98, True)


def alarms(detector: GaugeDetector, values: Sequence[float]) -> int:
    """Return how many of the values are odd."""
    judged = [detector.add(BEGIN + STEP * number, value) for number, value in enumerate(values)]
    return sum(one is not None and one.is_odd for one in judged)


def test_a_gauge_that_alarms_often_has_to_be_odder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bursts that are usual for a series alarm less often than they would otherwise; seldom is not never."""
    chosen = random.Random(1)
    bursts = [chosen.lognormvariate(0, 1.5) for _ in range(30 * DAY)]
    found = alarms(GaugeDetector(STEP), bursts)
    monkeypatch.setattr(GaugeDetector, "_RAISED", 0.0)
    assert 0 < found < alarms(GaugeDetector(STEP), bursts)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e300])
def test_a_gauge_that_is_no_number_is_passed_over(value: float) -> None:
    """Neither is it judged, nor does it change what is known."""
    one, other = GaugeDetector(300), GaugeDetector(300)
    for number in range(3 * DAY):
        at, usual = BEGIN + STEP * number, number % 7 / 7
        assert one.add(at, value) is None
        assert one.add(at, usual) == other.add(at, usual)


def test_traffic_takes_its_scale_from_counts() -> None:
    """Nothing is said before two days are known."""
    detector, chosen = TrafficDetector(60), random.Random(0)
    said = [detector.add(BEGIN + 60 * minute, chosen.randrange(4, 9)) for minute in range(2 * 1440)]
    assert not any(one is not None and one.is_odd for one in said)


def test_a_level_shift_and_a_slope_are_trends() -> None:
    """Each is told with where it began and the levels; noise is neither."""
    chosen = random.Random(3)
    noise = [chosen.gauss(10, 1) for _ in range(400)]
    assert level_shift(noise) is None
    assert slope(noise[:60]) is None
    place, before, after = level_shift([value + 3 * (n >= 250) for n, value in enumerate(noise)]) or (0, 0.0, 0.0)
    assert abs(place - 250) <= 3
    assert after - before == pytest.approx(3, abs=0.3)
    assert slope([day * 0.5 + chosen.gauss(0, 0.5) for day in range(20)]) == pytest.approx(0.5, abs=0.1)


def test_trends_of_a_history() -> None:
    """Calls that take twice as long from a day on are one trend, and no alarm."""
    report = find_trends(history(6, 60, lambda number: Shape(slower=2.0 if number >= 3 * DAY else 1.0)))
    (trend,) = report.trends
    assert (trend.what, trend.kind, trend.at[:10]) == ("latency", "level", "2025-11-27")
    assert trend.after / trend.before == pytest.approx(2, rel=0.1)
    assert "latency of ask of scout changed at 2025-11-27" in str(report)


@pytest.fixture
def log(cli: CommandLine) -> str:
    """Return a log of three days, with an outage in the last hour."""
    chosen = random.Random(5)
    events = []
    for minute in range(3 * 1440):
        for second in range(0, 60, 20):
            broken = 3 * 1440 - 60 <= minute < 3 * 1440 - 30
            failed = chosen.random() < (0.5 if broken else 0.02)
            day, rest = divmod(minute, 1440)
            at = f"2026-11-{day + 2:02}T{rest // 60:02}:{rest % 60:02}:{second:02}.000000Z"
            events.append(
                {
                    "timestamp": at,
                    "event": "operation.finished",
                    "event_id": f"{minute * 60 + second:032x}",
                    "operation": "ask",
                    "outcome": "error" if failed else "ok",
                    "duration_seconds": 0.5,
                    **({"error_type": "E"} if failed else {}),
                }
            )
    (cli.folder / "app.log").write_bytes(b"".join(json_lines(events)))
    return "app.log"


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """Return a command line in an empty folder."""
    return CommandLine(tmp_path)


def test_the_verbs(cli: CommandLine, log: str) -> None:
    """`anomalies` and `trends` read a log; as JSON and in code they say the same."""
    done = cli("anomalies", log)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2026-11-04T23:00:00Z to 2026-11-04T23:45:00Z  (no agent)\n  errors of ask: " in done.stdout
    plain = json.loads(cli("anomalies", log, "--json").stdout)
    code = anomalies(source=str(cli.folder / log))
    assert plain == json.loads(code.to_json())
    assert cli("trends", log).stdout == f"{trends(source=str(cli.folder / log))}\n"
    assert "window='soon': use seconds above 0" in cli("anomalies", log, "--window", "soon").stderr
