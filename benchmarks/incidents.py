"""Series that are made, with incidents of five minutes in them, and how many of these the detectors find.

A step is a minute, if nothing else is said; 42 days with a daily shape, of which the first 14 are for learning and
hold no incident; 24 incidents after that. An incident of k sigma moves each of its minutes by k times the spread of
single minutes (MAD).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from math import exp, log, pi, sin, sqrt
from statistics import median
from typing import Any, Final

from benchmarks.alarms import Score, scored
from pepperpy_obs.judgement.detectors import ErrorDetector, GaugeDetector, Judged, LevelDetector, TrafficDetector

__all__ = ["generated"]

_BEGIN: Final = 1_763_942_400
_DAY: Final = 1440
_DAYS: Final = 42
_LEARNED: Final = 14 * _DAY
_LENGTH: Final = 5

Made = tuple[float, float, int]
"""The time, the value and the label of a minute."""


def _starts(chosen: random.Random, count: int) -> list[int]:
    """Return when incidents begin, far from each other."""
    each = (_DAYS * _DAY - _LEARNED) / count if count else 0
    return [_LEARNED + int(each * (number + chosen.random() / 2)) for number in range(count)]


def _shape(minute: int) -> float:
    return sin(2 * pi * (minute % _DAY) / _DAY)


def _labels(starts: Sequence[int]) -> list[int]:
    labels = [0] * (_DAYS * _DAY)
    for start in starts:
        labels[start : start + _LENGTH] = [1] * _LENGTH
    return labels


def _minutes(labels: Sequence[int], value: Callable[[int, bool], float]) -> Iterator[Made]:
    for minute, label in enumerate(labels):
        yield _BEGIN + 60.0 * minute, value(minute, bool(label)), label


def _poisson(chosen: random.Random, rate: float) -> int:
    limit, count, product = exp(-rate), 0, chosen.random()
    while product >= limit:
        product *= chosen.random()
        count += 1
    return count


def _noise(seed: int, count: int, sigmas: float) -> tuple[Iterator[Made], Callable[[float, float], Judged | None]]:
    chosen = random.Random(seed)
    labels = _labels(_starts(chosen, count))
    made = _minutes(labels, lambda minute, odd: 10 + 3 * _shape(minute) + chosen.gauss(0, 1) + sigmas * odd)
    return made, GaugeDetector(60).add


def _calls(seed: int, count: int, sigmas: float) -> tuple[Iterator[Made], Callable[[float, float], Judged | None]]:
    chosen = random.Random(seed)
    labels = _labels(_starts(chosen, count))
    rates = [6 * (1 + 0.3 * _shape(minute)) for minute in range(_DAY)]
    spread = 1.4826 * median([abs(_poisson(chosen, rate) - rate) for rate in rates])
    made = _minutes(labels, lambda minute, odd: _poisson(chosen, rates[minute % _DAY] + sigmas * spread * odd))
    return made, TrafficDetector(60).add


def _latency(seed: int, count: int, factor: float) -> tuple[Iterator[Made], Callable[[float, float], Judged | None]]:
    """Twenty lognormal calls a minute: a hundred in a window."""
    chosen, detector = random.Random(seed), LevelDetector(60)
    labels = _labels(_starts(chosen, count))
    made = _minutes(
        labels,
        lambda minute, odd: 0.3 * _shape(minute) + log(factor) * odd + chosen.gauss(0, 0.6 / sqrt(20)),
    )
    return made, lambda at, value: detector.add(at, value, 20)


def _errors(seed: int, count: int, share: float) -> tuple[Iterator[Made], Callable[[float, float], Judged | None]]:
    """About twenty calls a minute, of which two in a hundred fail as a rule."""
    labels = _labels(_starts(random.Random(seed), count))
    detector = ErrorDetector(60)
    made = _failures(seed, labels, share)
    steps = [(_BEGIN + 60.0 * minute, minute, label) for minute, label in enumerate(labels)]
    return iter(steps), lambda _, minute: detector.add(*made[int(minute)])


def _errors_in_steps(
    seed: int, count: int, share: float
) -> tuple[Iterator[Made], Callable[[float, float], Judged | None]]:
    """The same in steps of five minutes, as `anomalies()` reads them; an incident is one of these steps."""
    starts = [start // _LENGTH * _LENGTH for start in _starts(random.Random(seed), count)]
    labels = _labels(starts)
    detector = ErrorDetector(300)
    made = _failures(seed, labels, share)
    steps = [(_BEGIN + 60.0 * minute, minute, labels[minute]) for minute in range(0, len(labels), _LENGTH)]

    def judge(_: float, minute: float) -> Judged | None:
        five = made[int(minute) : int(minute) + _LENGTH]
        return detector.add(sum([errors for errors, _ in five]), sum([calls for _, calls in five]))

    return iter(steps), judge


def _failures(seed: int, labels: Sequence[int], share: float) -> list[tuple[int, int]]:
    """Return the errors and the calls of each minute."""
    chosen = random.Random(seed)
    made: list[tuple[int, int]] = []
    for label in labels:
        calls = _poisson(chosen, 20)
        made.append((sum([chosen.random() < (share if label else 0.02) for _ in range(calls)]), calls))
    return made


_KINDS: Final = {
    "Gaussian noise": (_noise, 0.0, (3.0, 5.0)),
    "calls, Poisson 6 a minute": (_calls, 0.0, (3.0, 5.0)),
    "latency, 100 calls": (_latency, 1.0, (1.5, 2.0)),
    "errors from 2 %, 100 calls, steps of 5 minutes": (_errors_in_steps, 0.02, (0.1, 0.2)),
    "errors from 2 %, 100 calls, steps of a minute": (_errors, 0.02, (0.1, 0.2)),
}


def generated(seeds: int) -> dict[str, Any]:
    """Return, by kind, false alarms a month of clean series, and precision and recall of incidents by their size."""
    found: dict[str, Any] = {}
    for name, (make, none, sizes) in _KINDS.items():
        clean = sum((_run(*make(seed, 0, none)) for seed in range(seeds)), Score())
        rows = {str(size): sum((_run(*make(seed, 24, size)) for seed in range(seeds)), Score()) for size in sizes}
        found[name] = {
            "false alarms a month of clean series": round(clean.false_alarms_a_month, 2),
            **{
                size: {"precision": round(one.precision, 2), "recall": round(one.recall, 2)}
                for size, one in rows.items()
            },
        }
    return found


def _run(made: Iterator[Made], judge: Callable[[float, float], Judged | None]) -> Score:
    times: list[float] = []
    labels: list[int] = []
    odd: list[int] = []
    for place, (at, value, label) in enumerate(made):
        times.append(at)
        labels.append(label)
        judged = judge(at, value)
        if judged is not None and judged.is_odd:
            odd.append(place)
    return scored(times, labels, odd, times.index(_BEGIN + 60.0 * _LEARNED))
