"""Anomalies: steps of a history that its own past does not explain, found by detectors and grouped into few findings.

What one agent does oddly at one time is one anomaly, with all that was odd of it: if a model is down, its calls fail,
are slow, and are fewer. Floors keep out what is odd and does not matter, and what too few calls cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp, log
from typing import Final

from pepperpy_obs.judgement.detectors import ErrorDetector, Judged, LevelDetector, TrafficDetector
from pepperpy_obs.judgement.series import Step, Subject, steps_by_subject
from pepperpy_obs.readings import Reading
from pepperpy_obs.reports import table
from pepperpy_obs.reports.report import Report

__all__ = ["AnomaliesReport", "Anomaly", "Finding", "find_anomalies"]

_APART: Final = 3600.0
"""Seconds between two odd steps of one anomaly, at most."""
_CALLS: Final = 100
"""Calls in a window from which on a latency or a cost is judged."""
_RATIO: Final = 1.2
"""How much more than usual matters: less is odd and harmless."""
_LEAST: Final = {"latency": 0.01, "cost": 0.0001}
"""Seconds, and dollars a request, more than usual that matter."""
_FEW: Final = 30
"""Calls in a window, seen or expected, from which on traffic is judged."""


@dataclass(frozen=True, slots=True)
class Finding(Report):
    """One figure of one operation that is odd."""

    what: str
    """errors (a share), latency (seconds: a geometric mean), cost (dollars a request) or traffic (calls in a step)."""
    operation: str
    expected: float
    seen: float
    sure: float
    """How many times the score is that from which on it is odd; the greater, the surer."""
    calls: int
    """In the step where it was seen most."""
    trace_id: str | None
    """The trace of the slowest call of that step, if it has one."""


@dataclass(frozen=True, slots=True)
class Anomaly(Report):
    """One agent at one time."""

    agent: str
    start: str
    """ISO 8601, UTC."""
    end: str
    sure: float
    findings: tuple[Finding, ...]
    """The surest first."""

    def __str__(self) -> str:
        """Show it in a line for each finding."""
        head = f"{self.start} to {self.end}  {self.agent or '(no agent)'}"
        return "\n".join([head, *[f"  {_said(one)}" for one in self.findings]])


@dataclass(frozen=True, slots=True)
class AnomaliesReport(Report):
    """What was odd."""

    anomalies: tuple[Anomaly, ...]
    """The latest first."""
    judged: int
    """Operations of agents that were judged."""
    too_few: tuple[str, ...]
    """Those with too few calls to tell."""

    def surest(self, what: str | None = None) -> dict[tuple[tuple[str, str], ...], float]:
        """Return how sure the surest finding is, by its labels (agent, operation, what); only of one figure if given.

        A condition of a rule: what is not there is not odd, and 1 is the threshold.
        """
        found: dict[tuple[tuple[str, str], ...], float] = {}
        for anomaly in self.anomalies:
            for one in anomaly.findings:
                labels = ("agent", anomaly.agent), ("operation", one.operation), ("what", one.what)
                if what in {None, one.what}:
                    found[labels] = max(one.sure, found.get(labels, 0.0))
        return found

    def __str__(self) -> str:
        """Show the anomalies, the latest first."""
        few = f"; too few calls to tell: {', '.join(self.too_few)}" if self.too_few else ""
        head = f"Anomalies: {len(self.anomalies) or 'none'} ({self.judged} operations were judged{few})"
        return "\n\n".join([head, *map(str, self.anomalies)])


def _dollars(value: float) -> str:
    return f"${value:.6g} a request"


def _calls(value: float) -> str:
    return f"{value:,.0f} calls"


_SHOWN: Final[Mapping[str, Callable[[float], str]]] = {
    "errors": table.share,
    "latency": table.seconds,
    "cost": _dollars,
    "traffic": _calls,
}


def find_anomalies(history: Sequence[Reading], since: float = 0.0) -> AnomaliesReport:
    """Return what was odd in the steps of a history that begin at or after `since` (epoch seconds).

    What is usual is learned from the steps before each: a day of them at least, better two weeks. Steps are equal, as
    `Source.history` gives them; of five minutes they tell most. Pure: it looks at nothing but the history.
    """
    series = steps_by_subject([one for one in history if not _is_under_way(one)])
    odd: list[tuple[Subject, float, Finding]] = []
    few: list[str] = []
    seconds = _seconds(history)
    for subject, steps in sorted(series.items()):
        if sum(one.calls for one in steps) < _CALLS:
            few.append(str(subject))
            continue
        odd += [(subject, at, finding) for at, finding in _odd_steps(subject, steps, seconds) if at >= since]
    anomalies = sorted(_grouped(odd, seconds), key=lambda one: one.start, reverse=True)
    return AnomaliesReport(tuple(anomalies), len(series) - len(few), tuple(few))


def _is_under_way(reading: Reading) -> bool:
    """Tell whether a step is not over: it has fewer calls than it will have."""
    snapshot = reading.snapshot
    return reading.at < (snapshot.start or 0) + (snapshot.window or 0) * 1e9


def _seconds(history: Sequence[Reading]) -> float:
    return next((one.snapshot.window for one in history if one.snapshot.window), 300.0)


def _odd_steps(subject: Subject, steps: Sequence[Step], seconds: float) -> Iterator[tuple[float, Finding]]:
    """Yield each finding of each step, with the time of the step."""
    traffic, errors = TrafficDetector(seconds), ErrorDetector(seconds)
    latency, cost = LevelDetector(seconds), LevelDetector(seconds)
    for step in steps:
        found = {
            "traffic": _mattering_traffic(traffic.add(step.at, step.calls)),
            "errors": errors.add(step.errors, step.calls),
        }
        if step.timed:
            judged = latency.add(step.at, step.logs / step.timed, step.timed)
            found["latency"] = _mattering("latency", judged, step.timed)
        if step.requests and step.cost > 0:
            judged = cost.add(step.at, log(step.cost / step.requests), step.requests)
            found["cost"] = _mattering("cost", judged, step.requests)
        for what, judged in found.items():
            if judged is not None and judged.is_odd:
                yield step.at, _finding(what, subject, step, judged)


def _mattering_traffic(judged: Judged | None) -> Judged | None:
    if judged is None or max(judged.seen, judged.expected) < _FEW:
        return None
    most, least = max(judged.seen, judged.expected), min(judged.seen, judged.expected)
    return judged if most >= _RATIO * least else None


def _mattering(what: str, judged: Judged | None, count: int) -> Judged | None:
    """Return what was judged of a mean logarithm as that of the mean; None where it is too little, or of too few."""
    if judged is None or count < _CALLS:
        return None
    seen, expected = exp(judged.seen), exp(judged.expected)
    if seen < _RATIO * expected or seen - expected < _LEAST[what]:
        return None
    return judged._replace(seen=seen, expected=expected)


def _finding(what: str, subject: Subject, step: Step, judged: Judged) -> Finding:
    sure = judged.score / judged.threshold
    trace_id = step.slowest.trace_id if step.slowest else None
    return Finding(what, subject.operation, judged.expected, judged.seen, sure, step.calls, trace_id)


def _grouped(odd: Sequence[tuple[Subject, float, Finding]], seconds: float) -> Iterator[Anomaly]:
    """Yield one anomaly for each agent and time; of each figure its surest finding."""
    group: list[tuple[float, Finding]] = []
    agent = ""
    for subject, at, finding in sorted(odd, key=lambda one: (one[0].agent, one[1])):
        if group and (subject.agent != agent or at - group[-1][0] > _APART):
            yield _anomaly(agent, group, seconds)
            group = []
        agent = subject.agent
        group.append((at, finding))
    if group:
        yield _anomaly(agent, group, seconds)


def _anomaly(agent: str, group: Sequence[tuple[float, Finding]], seconds: float) -> Anomaly:
    surest: dict[tuple[str, str], Finding] = {}
    for _, finding in group:
        key = finding.operation, finding.what
        if key not in surest or finding.sure > surest[key].sure:
            surest[key] = finding
    findings = sorted(surest.values(), key=lambda one: (-one.sure, one.operation, one.what))
    return Anomaly(agent, _iso(group[0][0]), _iso(group[-1][0] + seconds), findings[0].sure, tuple(findings))


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _said(finding: Finding) -> str:
    show = _SHOWN[finding.what]
    trace = f", trace {finding.trace_id}" if finding.trace_id else ""
    return (
        f"{finding.what} of {finding.operation}: {show(finding.seen)}, expected {show(finding.expected)}"
        f" ({finding.sure:.1f} times the threshold, {finding.calls:,} calls{trace})"
    )
