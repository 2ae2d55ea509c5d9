"""`python -m benchmarks.page_lateness`: how late an event loop of the process is while a page of many series is read.

The loop wakes up each millisecond; a thread reads the page ten times over HTTP meanwhile. The interpreter's own full
collections are in the figures: they look at all objects of the process, whatever has made them. With `--freeze` they
pass over what there was before (`gc.freeze`), as services do that care about this.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import threading
import time
import urllib.request

from pepperpy_obs import Config, configure, flush, measure, record_usage, serve


def fill(series: int) -> None:
    """Count one request in each series."""
    configure(Config(config_file=None, log_format="none", max_series=series + 10))
    for number in range(series):
        with measure(
            f"operation {number}", agent=f"agent {number % 50}", provider="openai", model="gpt-4o", kind="llm"
        ):
            record_usage({"input_tokens": 10, "output_tokens": 5})


def measured(url: str, reads: int) -> dict[str, object]:
    """Read a page that often, and return the lateness in milliseconds, and the time that the page took."""
    late: list[float] = []
    took: list[float] = []
    done = threading.Event()

    async def tick() -> None:
        while not done.is_set():
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append((time.perf_counter() - start - 0.001) * 1e3)

    def read() -> None:
        time.sleep(0.3)
        late.clear()
        for _ in range(reads):
            start = time.perf_counter()
            urllib.request.urlopen(url).read()  # noqa: S310 - our own page
            took.append(time.perf_counter() - start)
        done.set()

    reader = threading.Thread(target=read)
    reader.start()
    asyncio.run(tick())
    reader.join()
    late.sort()
    figures = {"p50": late[len(late) // 2], "p99": late[len(late) * 99 // 100], "p99.9": late[len(late) * 999 // 1000]}
    return {
        **{name: round(value, 2) for name, value in figures.items()},
        "max": round(late[-1], 1),
        "page_ms": round(sorted(took)[len(took) // 2] * 1e3),
    }


def main() -> None:
    """Print the figures of each page as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--reads", type=int, default=10)
    parser.add_argument("--pages", nargs="+", default=["/stats", "/metrics", "/reading"])
    parser.add_argument("--freeze", action="store_true")
    given = parser.parse_args()
    fill(given.series)
    if given.freeze:
        flush()
        gc.collect()
        gc.freeze()
    server = serve(port=0)
    print(json.dumps({page: measured(f"{server.url}{page}", given.reads) for page in given.pages}))
    server.close()


if __name__ == "__main__":
    main()
