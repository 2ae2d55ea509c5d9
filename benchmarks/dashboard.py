"""`python -m benchmarks.dashboard`: what the dashboard takes with a thousand series, in a browser and in the process.

Each series is busy in each of the thirty intervals of five minutes: the clock is set on between them. First paint is
what Chromium says itself, of a page that was never visited before. A refresh is all that the page asks for every two
seconds; its CPU is that of the process that is looked at, and of this client, which is in it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
import urllib.request
from collections.abc import Sequence

from benchmarks.page_lateness import fill
from pepperpy_obs import _clock, flush, serve

REFRESH = ("stats?window=5m&top=50", "history?window=30s&step=10s&by=model", "traces?limit=12",
           "events?limit=12&memory=1")  # fmt: skip
SELDOM = ("health", "alerts", "stats?top=1", "history?window=5m&by=model", "anomalies")
"""What is asked for every ten seconds, the last two every two minutes."""


def refreshed(url: str, asked: Sequence[str], times: int) -> dict[str, float]:
    """Return the CPU in milliseconds of what one refresh asks for, page by page; the best of several."""
    best: dict[str, float] = {}
    for _ in range(times):
        for page in asked:
            start = time.process_time()
            urllib.request.urlopen(f"{url}/{page}").read()  # noqa: S310 - our own page
            took = (time.process_time() - start) * 1e3
            best[page] = min(took, best.get(page, took))
    return {name: round(value, 1) for name, value in best.items()}


def painted(url: str) -> dict[str, float]:
    """Return in milliseconds when something was painted first, and when all figures and charts stood."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - takes a browser, which the smoke test does without

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{url}/")
        page.wait_for_selector("#chart-heat canvas")
        whole = page.evaluate("performance.now()")
        first = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        browser.close()
    return {"first_paint_ms": round(first), "all_drawn_ms": round(whole)}


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    with serve(0) as pages:
        fill_intervals(options.series, 30)
        often, seldom = (refreshed(pages.url, asked, options.times) for asked in (REFRESH, SELDOM))
        figures = {"series": options.series, "refresh_cpu_ms": round(sum(often.values()), 1), **often, **seldom}
        print(json.dumps({**figures, **painted(pages.url)}))


def fill_intervals(series: int, intervals: int) -> None:
    """Count one request of each series in each of the latest intervals of ten seconds."""
    now = _clock.time_ns
    for left in range(intervals - 1, -1, -1):
        _clock.time_ns = lambda: now() - left * 10_000_000_000  # noqa: B023 - it is set anew each time
        fill(series)
        flush()
    _clock.time_ns = now


if __name__ == "__main__":
    main()
