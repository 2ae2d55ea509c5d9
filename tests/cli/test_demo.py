from __future__ import annotations

import json
import re
import signal
from typing import Any

from tests.cli.command import CommandLine
from tests.cli.scrape import scrape


def test_the_demo_shows_events_then_tables(cli: CommandLine) -> None:
    """Even the shortest demo has every outcome, a retry, a cache and an unknown price; nothing of ours fails."""
    done = cli("demo", "--seconds", "0")
    assert done.returncode == 0
    for word in ("ok", "error", "cancelled", "abandoned", "RateLimitError", "attempt=2", "hit in search", "unpriced"):
        assert re.search(rf"\b{re.escape(word)}\b", done.stderr), word
    assert "pepperpy_obs failed" not in done.stderr
    assert re.search(r"http://127\.0\.0\.1:\d+/metrics", done.stdout)
    for title in ("Performance", "Usage", "Cost", "Cache", "Agents: 4 active", "health: healthy"):
        assert f"\n{title}" in done.stdout, title


def test_json_is_all_that_json_prints(cli: CommandLine) -> None:
    """With --json standard output is the statistics, and standard error is silent."""
    done = cli("demo", "--seconds", "0", "--json")
    stats = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert stats["usage"]["calls_by_provider"].keys() == {"anthropic", "in-house", "openai"}
    assert stats["cost"]["unpriced_by_model"].keys() == {"lorem-coder-9b"}
    assert float(stats["cost"]["savings"]) > 0
    assert stats["cache"]["caches"]["search"]["utilization"] > 0


def test_the_demos_log_replays_to_its_statistics(cli: CommandLine) -> None:
    """The log of a fleet with streams, failures, caches and prices adds up to what the fleet's own process counted."""
    log = cli.folder / "demo.log"
    live = json.loads(cli("demo", "--seconds", "1", "--log", str(log), "--json").stdout)
    by = {"PEPPERPY_COST_ATTRIBUTES": "customer,customer+model"}
    replayed = json.loads(cli("replay", str(log), "--json", variables=by).stdout)
    assert timeless(replayed) == timeless(live)
    assert live["performance"]["calls"] > 20


def timeless(value: Any) -> Any:
    """Leave out what depends on the moment of reading, and the size of a live cache."""
    passing = {"seconds", "throughput", "requests_per_minute", "size", "maxsize", "utilization", "cache_utilization"}
    passing |= {"running"}  # a log cannot know
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name not in passing}
    return value


def test_ctrl_c_ends_the_work_and_shows_the_tables(cli: CommandLine) -> None:
    """An interrupted demo tells what was done until then, says nothing of the interrupt, and exits with 0."""
    with cli.started("demo", "--seconds", "60") as demo:
        assert demo.stderr is not None
        first = demo.stderr.readline()
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=20)
    assert demo.returncode == 0
    assert "ok" in first
    assert "Traceback" not in err
    assert "cancelled" in err
    assert "\nhealth: " in out


def test_keep_goes_on_serving(cli: CommandLine) -> None:
    """With --keep the numbers can be scraped after the work, until Ctrl-C."""
    with cli.started("demo", "--seconds", "0", "--keep", "--log", "demo.log") as demo:
        assert demo.stdout is not None
        lines = iter(demo.stdout.readline, "")
        last = next(line for line in lines if line.startswith("Still serving "))
        metrics = scrape(last.split()[2].rstrip(","))
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == 0
    calls = sum(
        float(line.split()[-1]) for line in metrics.splitlines() if line.startswith("pepperpy_operations_total")
    )
    assert calls == len((cli.folder / "demo.log").read_text().splitlines())
