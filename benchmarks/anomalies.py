"""`python -m benchmarks.anomalies --data DIR --json`: how well anomalies are found, in labelled series and made ones.

`--data` is a folder of CSV files (also .gz) with the columns series, t (epoch seconds), value, label (1: odd; 2: don't
care); each file is a group, and its values are judged as a gauge of which nothing is known. What comes first in a
series is for learning: 15 %, or the first half if that has no labels. Everything is judged once, in the order of time.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.alarms import Score, scored
from benchmarks.incidents import generated
from pepperpy_obs.judgement.detectors import GaugeDetector

_SHARED: Final = 256
_COLUMNS: Final = {"series", "t", "value", "label"}
Series = Mapping[str, tuple[list[float], list[float], list[int]]]


def read(path: Path) -> Series | None:
    """Return the series of a file; None of one with other columns."""
    found: dict[str, tuple[list[float], list[float], list[int]]] = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        rows = csv.DictReader(file)
        if not set(rows.fieldnames or ()) >= _COLUMNS:
            return None
        for row in rows:
            times, values, labels = found.setdefault(row["series"], ([], [], []))
            times.append(float(row["t"]))
            values.append(float(row["value"]))
            labels.append(int(float(row["label"])))
    return found


def start_of(labels: list[int]) -> int:
    """Return where judgement begins to count."""
    half = len(labels) // 2
    return int(len(labels) * 0.15) if any(labels[:half]) or not any(labels) else half


def judged(times: list[float], values: list[float], labels: list[int]) -> tuple[Score, float, int]:
    """Return the counts of a series, the CPU seconds that it took, and the bytes of its detector."""
    step = median([two - one for one, two in pairwise(times[:2001])])
    detector = GaugeDetector(step)
    begin = time.process_time()
    odd = [
        place
        for place, (at, value) in enumerate(zip(times, values, strict=True))
        if (found := detector.add(at, value)) is not None and found.is_odd
    ]
    took = time.process_time() - begin
    return scored(times, labels, odd, start_of(labels)), took, size_of(detector)


def size_of(found: Any, seen: set[int] | None = None) -> int:
    """Return the bytes of an object with all that it holds, once each; Python has one of each small integer for all."""
    seen = set() if seen is None else seen
    if id(found) in seen or found is None or (isinstance(found, int) and -5 <= found <= _SHARED):
        return 0
    seen.add(id(found))
    return sys.getsizeof(found) + sum(size_of(one, seen) for one in _held(found))


def _held(found: Any) -> Iterable[Any]:
    """Return what an object holds, if it is no plain value."""
    if isinstance(found, int | float | str | bytes | bytearray | array):
        return ()
    if isinstance(found, Mapping):
        return list[Any](found.values())
    if isinstance(found, list | tuple) or type(found).__name__ == "deque":
        return list[Any](found)
    return _attributes(found)


def _attributes(found: Any) -> Iterator[Any]:
    yield from getattr(found, "__dict__", {}).values()
    for kind in type(found).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(found, name):
                yield getattr(found, name)


def _row(score: Score) -> dict[str, float]:
    return {
        "precision": round(score.precision, 3),
        "recall": round(score.recall, 3),
        "f1": round(score.f1, 3),
        "false_alarms_a_series_month": round(score.false_alarms_a_month, 2),
        "events": score.events,
    }


def measured(folder: Path, groups: list[str]) -> dict[str, Any]:
    """Return the figures of each group of labelled series, and of all."""
    by_group: dict[str, Score] = {}
    took, points, size = 0.0, 0, 0
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")]):
        name = path.name.partition(".")[0]
        if groups and name not in groups:
            continue
        for times, values, labels in (read(path) or {}).values():
            score, seconds, held = judged(times, values, labels)
            by_group[name] = by_group.get(name, Score()) + score
            took, points, size = took + seconds, points + len(times), max(size, held)
    with_events = [score.f1 for score in by_group.values() if score.events]
    return {
        "groups": {name: _row(score) for name, score in by_group.items()},
        "pooled": _row(sum(by_group.values(), Score())),
        "mean_f1": round(sum(with_events) / len(with_events), 3) if with_events else None,
        "us_a_point": round(1e6 * took / points, 1) if points else None,
        "bytes_a_series": size,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of labelled series")
    parser.add_argument("--groups", nargs="+", default=[], help="only these files of it")
    parser.add_argument("--seeds", type=int, default=3, help="series of each kind that are made (0: none)")
    parser.add_argument("--json", action="store_true", help="one JSON object in one line")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    if given.data is not None:
        found["labelled"] = measured(given.data, given.groups)
    if given.seeds:
        found["generated"] = generated(given.seeds)
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
