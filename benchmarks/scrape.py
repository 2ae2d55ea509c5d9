"""A scrape of many series beside one of prometheus_client's own objects, while calls are recorded.

Each side has a process of its own, for the garbage collector looks at all that a process holds. Both hold the same
series with the same values, and take turns: all series change, calls go on in another thread, and a scrape is timed.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import cycle
from statistics import median
from typing import IO, Any, Final, Protocol, Self

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pepperpy_obs import Config, PrometheusExporter, configure, flush, measured
from pepperpy_obs.export.families import DURATION
from pepperpy_obs.export.prometheus import ObsCollector
from pepperpy_obs.http.pages import Request
from pepperpy_obs.testing import ManualClock

__all__ = ["main"]

_ROUNDS: Final = 3
_LABELS: Final = ("operation", "agent", "kind")
_FAMILIES: Final = ("pepperpy_operations", "pepperpy_operation_duration")


def _durations(seed: int) -> Callable[[], float]:
    """Return what gives seconds, most of them between 20 ms and 20 s, and such that floats add them up exactly."""
    chosen = random.Random(seed)
    some = cycle([max(1, round(chosen.lognormvariate(-0.5, 1.2) * 512)) / 512 for _ in range(9973)])
    return lambda: next(some)


class Side(Protocol):
    """Somebody who counts calls and is scraped."""

    calls: list[Callable[[], None]]
    """For each series a call that takes no time, to be recorded while a scrape goes on."""

    def change(self) -> None:
        """Count a call of each series."""
        ...

    def scrape(self) -> object:
        """Render all that was counted."""
        ...

    def text(self) -> str:
        """Return what a scrape shows."""
        ...


class Ours:
    """Decorated functions and our exporter."""

    def __init__(self, count: int) -> None:
        configure(Config(config_file=None, log_format="none", max_series=4 * count))
        self._next = _durations(0)
        self._clock = ManualClock()
        self._wait = 0.0
        self.calls = [measured(operation=f"operation {number}", kind="tool")(self._call) for number in range(count)]
        self._exporter = PrometheusExporter()

    def _call(self) -> None:
        """Take as long as it is told, without waiting for it."""
        if self._wait:
            self._clock.advance(self._wait)

    def change(self) -> None:
        """Count a call of each series; they all end now, whenever they began."""
        with ManualClock(time.time()) as self._clock:
            for place, call in enumerate(self.calls, 1):
                self._wait = self._next()
                self._clock.advance(-self._wait)
                call()
                if place % 1000 == 0:
                    flush()
            flush()
        self._wait = 0.0

    def scrape(self) -> object:
        """Render all that was counted, as a page is."""
        return self._exporter.page(Request("", {})).body

    def text(self) -> str:
        """Return what a scrape shows."""
        return self._exporter.text()

    def same_samples(self) -> bool:
        """Tell whether prometheus_client renders the same samples of the same counts, and reads ours back."""
        registry = CollectorRegistry()
        registry.register(ObsCollector())
        return samples(self.text()) == samples(generate_latest(registry).decode())


class Theirs:
    """The same two families of prometheus_client's own objects, whose children are looked up beforehand."""

    def __init__(self, count: int) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        calls = Counter(
            "pepperpy_operations", "Calls that have ended, by outcome: ok, error, cancelled or abandoned.",
            [*_LABELS, "outcome"], registry=self._registry,
        )  # fmt: skip
        seconds = Histogram(DURATION.name, DURATION.help, _LABELS, registry=self._registry, buckets=DURATION.bounds)
        self._next = _durations(0)
        self._children: list[tuple[Counter, Histogram]] = []
        for number in range(count):
            labels = f"operation {number}", "", "tool"
            self._children.append((calls.labels(*labels, "ok"), seconds.labels(*labels)))
            calls.labels(*labels, "error")
        self.calls = [self._recorder(*child) for child in self._children]

    def _recorder(self, calls: Counter, seconds: Histogram) -> Callable[[], None]:
        def call() -> None:
            start = time.perf_counter()
            calls.inc()
            seconds.observe(time.perf_counter() - start)

        return call

    def change(self) -> None:
        """Count a call of each series."""
        for calls, seconds in self._children:
            calls.inc()
            seconds.observe(self._next())

    def scrape(self) -> bytes:
        """Render all that was counted."""
        return generate_latest(self._registry)

    def text(self) -> str:
        """Return what a scrape shows."""
        return self.scrape().decode()


def lines(text: str) -> Iterator[str]:
    """Return the lines of calls."""
    return (line for line in text.splitlines(keepends=True) if line.startswith(_FAMILIES))


def samples(text: str) -> set[tuple[Any, ...]]:
    """Return what prometheus_client's parser reads of calls; counters of our own move with every look."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in families
        for sample in family.samples
        if family.name.startswith(_FAMILIES)
    }


class Recording:
    """A thread that calls: 20 calls of any series, and then a millisecond's pause."""

    def __init__(self, calls: list[Callable[[], None]]) -> None:
        self._calls = calls
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.count = 0

    def _work(self) -> None:
        chosen = random.Random(1)
        while not self._stop.wait(0.001):
            for call in chosen.choices(self._calls, k=20):
                call()
            self.count += 20

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class Stopwatch:
    """Times one scrape after the other, with the garbage collector's part of each."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._collecting = 0.0
        self._since = 0.0
        gc.callbacks.append(self._collects)

    def _collects(self, phase: str, _: object) -> None:
        if phase == "start":
            self._since = time.perf_counter()
        else:
            self._collecting += time.perf_counter() - self._since

    def scrape(self) -> dict[str, float]:
        """Scrape, and return what it took."""
        self._collecting = 0.0
        start, cpu = time.perf_counter(), time.thread_time()
        self._side.scrape()
        cpu, took = time.thread_time() - cpu, time.perf_counter() - start
        return {"ms": took * 1e3, "CPU ms": cpu * 1e3, "of these collecting garbage": self._collecting * 1e3}

    def busy(self) -> dict[str, float]:
        """Let every series change, and scrape while calls go on."""
        self._side.change()
        with Recording(self._side.calls) as recording:
            time.sleep(0.05)
            before, start = recording.count, time.perf_counter()
            found = self.scrape()
            found["calls/s meanwhile"] = (recording.count - before) / (time.perf_counter() - start)
        return found


def serve(side: Side) -> None:
    """Answer the words on standard input, one JSON line each."""
    watch = Stopwatch(side)
    answers: dict[str, Callable[[], object]] = {
        "digest": lambda: sha256("".join(sorted(lines(side.text()))).encode()).hexdigest(),
        "busy": watch.busy,
        "quiet": watch.scrape,
        "few": lambda: (side.calls[0](), watch.scrape())[1],
        "MB": lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "same": lambda: isinstance(side, Ours) and side.same_samples(),
    }
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(answers[line.strip()]())}\n")
        sys.stdout.flush()


class Child:
    """A side in a process of its own."""

    def __init__(self, name: str, series: int) -> None:
        command = [sys.executable, "-m", "benchmarks.scrape", "--series", str(series), "--side", name]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves

    def ask(self, word: str) -> Any:
        """Return its answer."""
        self._pipe(self._process.stdin).write(f"{word}\n")
        self._pipe(self._process.stdin).flush()
        return json.loads(self._pipe(self._process.stdout).readline())

    def close(self) -> None:
        """Let it end."""
        self._pipe(self._process.stdin).close()
        self._process.wait()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None  # noqa: S101 - both were asked for
        return pipe


def compare(series: int, repeat: int) -> dict[str, Any]:
    """Return the medians of both sides, and of the ratios of neighbours."""
    ours, theirs = Child("ours", series), Child("theirs", series)
    found: dict[str, Any] = {"series": series, "same lines": ours.ask("digest") == theirs.ask("digest")}
    for word, title in (("busy", "all series changed, calls go on"), ("few", "one changed"), ("quiet", "none changed")):
        pairs = [(ours.ask(word), theirs.ask(word)) for _ in range(repeat)]
        found[title] = {
            "ours": {key: median(one[key] for one, _ in pairs) for key in pairs[0][0]},
            "prometheus_client": {key: median(one[key] for _, one in pairs) for key in pairs[0][1]},
            "ratio": median(one["ms"] / other["ms"] for one, other in pairs),
            "ratio of CPU": median(one["CPU ms"] / other["CPU ms"] for one, other in pairs),
        }
    found["MB"] = {"ours": ours.ask("MB"), "prometheus_client": theirs.ask("MB")}
    found["same samples as prometheus_client renders of ours"] = ours.ask("same")
    ours.close()
    theirs.close()
    return found


def main() -> None:
    """Print all of it as JSON, or be one of the sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--side", choices=["ours", "theirs"])
    given = parser.parse_args()
    if given.side is None:
        sys.stdout.write(f"{json.dumps(compare(given.series, given.repeat))}\n")
        return
    side: Side = Ours(given.series) if given.side == "ours" else Theirs(given.series)
    for _ in range(_ROUNDS):
        side.change()
    serve(side)


if __name__ == "__main__":
    main()
