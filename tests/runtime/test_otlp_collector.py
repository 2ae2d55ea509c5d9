"""A real collector receives traces, metrics and logs of one process, all with the same counts and one tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import Config, configure, costed, flush, measure, shutdown
from pepperpy_obs._dispatch import runtime
from tests.servers.collector import rotel
from tests.servers.wire import wait_until

__all__ = ["rotel"]


@pytest.fixture
def shut_down(no_thread_left: None) -> Iterator[None]:
    """End what the test has configured."""
    yield
    shutdown()


@costed(provider="openai", operation="ask")
def ask(number: int) -> dict[str, Any]:
    """Return an answer of a provider."""
    return {"id": f"c{number}", "model": "gpt-4o-mini", "usage": {"prompt_tokens": 10, "completion_tokens": 2}}


def run(turn: int) -> None:
    """Run an agent that asks four times."""
    with measure("run", kind="agent"):
        for number in range(4):
            ask(100 * turn + number)
    flush()


def last(text: str, metric: str) -> list[str]:
    """Return the points of a metric in what the collector has printed of it the last time."""
    found = text.split(f"-> Name: {metric}\n")
    return [] if len(found) < 2 else re.split(r"DataPoints #\d+\n", found[-1].split("Metric #")[0])[1:]


def all_of(text: str, metric: str) -> list[str]:
    """Return the points of a metric of all times."""
    parts = (part.split("Metric #")[0] for part in text.split(f"-> Name: {metric}\n")[1:])
    return [point for part in parts for point in re.split(r"DataPoints #\d+\n", part)[1:]]


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_all_signals_come_with_the_same_counts(
    temporality: Any, rotel: tuple[str, Path], tmp_path: Path, shut_down: None
) -> None:
    """Spans and log records are the events, their parents ours; the counts of metrics are those of the statistics."""
    url, output = rotel
    before = runtime().reading().snapshot
    asked = sum(data.calls for key, data in before.series.items() if key.operation == "ask")
    configure(
        Config(
            config_file=None,
            log_format="none",
            service="shop",
            otlp_url=url,
            otlp_signals=("logs", "traces", "metrics"),
            otlp_temporality=temporality,
            ship_directory=tmp_path / "spool",
            metrics_interval=0.2,
            shutdown_timeout=10,
        )
    )
    run(1)
    run(2)
    assert wait_until(lambda: "-> Name: pepperpy.operations\n" in output.read_text())
    run(3)
    shutdown()
    assert wait_until(lambda: output.read_text().count("Span #") >= 15)
    text = output.read_text()
    assert (text.count("Span #"), text.count("LogRecord #")) == (15, 15)
    parents = re.findall(r"Parent ID +: (\w*)\n +ID +: (\w{16})\n +Name +: (.+)\n", text)
    roots = {span for parent, span, name in parents if name == "invoke_agent run" and not parent}
    assert len(roots) == 3
    children = [parent for parent, _, name in parents if name == "chat gpt-4o-mini"]
    assert (sorted(set(children)), len(children)) == (sorted(roots), 12)
    total = asked + 12
    points = last(text, "pepperpy.operations") if temporality == "cumulative" else all_of(text, "pepperpy.operations")
    mine = [point for point in points if "operation: Str(ask)" in point and "outcome: Str(ok)" in point]
    assert sum(int(value) for point in mine for value in re.findall(r"Value: (\d+)", point)) == total
    name = "pepperpy.operation.duration"
    durations = last(text, name) if temporality == "cumulative" else all_of(text, name)
    counts = [int(n) for one in durations if "operation: Str(ask)" in one for n in re.findall(r"\nCount: (\d+)", one)]
    buckets = [
        int(n) for one in durations if "operation: Str(ask)" in one for n in re.findall(r"\], Count: (\d+)", one)
    ]
    assert (sum(counts), sum(buckets)) == (total, total)
    assert set(re.findall(r"AGGREGATION_TEMPORALITY_\w+", text)) == {f"AGGREGATION_TEMPORALITY_{temporality.upper()}"}
