"""The price of a usage that is already read, its model's rates being known: microseconds for each kind of answer."""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pepperpy_obs import usage
from pepperpy_obs.pricing import Pricer

__all__ = ["main"]

_CALLS = 10
Event = Mapping[str, Any]


def answers(path: Path) -> Iterator[tuple[str, Event]]:
    """Yield provider and event fields of every answer in a file of JSON lines, each with a `provider` and a `body`."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            captured = usage.capture(row["body"]) if row.get("body") else None
            read = None if captured is None else usage.read(captured, model=row.get("request_model"))
            if read is not None:
                yield row["provider"], usage.fields(read)


def some() -> Iterator[tuple[str, Event]]:
    """Yield kinds of answers, each with more to add up than the one before in some respect."""
    plain = {"input_tokens": 4000, "output_tokens": 300, "cache_read_tokens": 0}
    openai = {"provider": "openai", "model": "gpt-5.4", "service_tier": "default", **plain, "reasoning_tokens": 100}
    writes = {"cache_read_tokens": 3000, "cache_write_tokens": 500, "cache_write_1h_tokens": 100}
    spoken = {"cache_read_tokens": 900, "audio_input_tokens": 800, "audio_cache_read_tokens": 500}
    yield "plain", {"provider": "openai", "model": "gpt-4o", **plain}
    yield "tiered, reasoned, a tier of service", openai
    yield "one of two requests", {**openai, "usage_entries": [openai, openai]}
    yield "cached for an hour, searched", {
        "provider": "anthropic", "model": "claude-sonnet-4-5", **plain, **writes, "web_searches": 2
    }  # fmt: skip
    yield "spoken and cached", {"provider": "google", "model": "gemini-2.5-flash", **plain, **spoken}
    yield "with the provider's word", {**openai, "reported_cost_usd": "0.0115"}
    yield "unknown", {"provider": "acme", "model": "own", **plain}


def least(pricer: Pricer, event: Event, now: int) -> float:
    """Return the microseconds of one price, in the best of three short runs."""
    price, best = pricer.price, float("inf")
    for _ in range(3):
        start = time.perf_counter_ns()
        for _ in range(_CALLS):
            price(event, now)
        best = min(best, time.perf_counter_ns() - start)
    return best / _CALLS / 1000


def main() -> None:
    """Print a row for each kind. Passes are repeated over all of them, so that one disturbance hits none in each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=Path, help="recorded answers (JSON lines, gz) instead of a few made ones")
    parser.add_argument("--passes", type=int, default=15)
    options = parser.parse_args()
    events = list(some() if options.answers is None else answers(options.answers))
    pricer, now = Pricer(), time.time_ns()
    times = [least(pricer, event, now) for _, event in events]
    for _ in range(options.passes):
        times = [min(best, least(pricer, event, now)) for best, (_, event) in zip(times, events, strict=True)]
    kinds: dict[str, list[float]] = defaultdict(list)
    for (kind, event), took in zip(events, times, strict=True):
        kinds[kind].append(took / (len(event.get("usage_entries", ())) or 1))
    print("microseconds for each request priced     answers  median   worst")
    everything = [each for taken in kinds.values() for each in taken]
    for kind, taken in [*sorted(kinds.items()), ("all", everything)]:
        print(f"{kind:40} {len(taken):7}  {statistics.median(taken):6.2f}  {max(taken):6.2f}")


if __name__ == "__main__":
    main()
