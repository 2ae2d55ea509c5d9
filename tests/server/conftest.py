"""A browser, and a source that is worth looking at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Unpack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.http.server import MetricsServer
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.server import serve
from tests.server.test_traces import event, request
from tests.still import AT, Still

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
HOSTILE = f'<img src=x onerror="document.title=1">{"x" * 150}'
TREE = (
    request("c", "b", 3.0, 1.0),
    event("b", "a", 3.5, 2.0, kind="tool", output={"found": HOSTILE}),
    request("d", "a", 4.0, 0.5, None),
    event("e", "a", 4.2, 0.1, outcome="error", error_type="ValueError"),
    {**event("a", None, 5.0, 5.0, kind="agent", agent="desk"), "operation": HOSTILE},
)


@dataclass
class Shown(Still):
    """A source with requests of two models and customers, some of them without a price, and a trace."""

    store: Store = field(default_factory=lambda: Store(2000, ("customer", "customer+model")))
    told: Sequence[dict[str, Any]] = TREE

    def __post_init__(self) -> None:
        for place in range(40):
            self.ask(place)
        self.fold(operation=HOSTILE, kind="tool", agent="clerk", outcome="ok", duration_seconds=4.0)

    def ask(self, place: int) -> None:
        """Count one request."""
        priced: dict[str, Any] = {"cost_source": "unpriced"}
        if place % 4:
            priced = {"cost_source": "custom", "cost_usd": Decimal("0.0123")}
        self.fold(
            at=AT - place * 1_000_000_000,
            operation="ask",
            kind="llm",
            agent="desk" if place % 2 else "clerk",
            provider="openai",
            model="large" if place % 4 else "small",
            customer="acme" if place % 3 else "bolt",
            outcome="error" if place % 10 == 9 else "ok",
            duration_seconds=0.05 * (place + 1),
            input_tokens=1000 + place,
            output_tokens=10,
            **priced,
        )

    def events(self, **wanted: Unpack[EventFilter]) -> list[dict[str, Any]]:
        """Return those of a trace, or all."""
        return [one for one in self.told if wanted.get("trace_id") in {None, one["trace_id"]}]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Return what drives the browser."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Return Debian's Chromium, headless."""
    if CHROMIUM is None:
        pytest.skip("takes Chromium: apt-get install chromium")
    found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield found
    found.close()


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Return what the pages read."""
    monkeypatch.setattr(_clock, "time_ns", lambda: AT)
    return Shown()


@pytest.fixture
def server(source: Shown, browser: Browser, no_thread_left: None) -> Iterator[MetricsServer]:
    """Serve the pages."""
    with serve(0, collector=source) as listener:
        yield listener


@dataclass
class Seen:
    """What a page did, apart from what it shows."""

    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens the page at an address; no other host was asked, and nothing complained."""
    seen = Seen()
    contexts: list[Any] = []
    own: set[str] = set()

    def opened(address: str, width: int = 1280, scheme: Any = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda asked: seen.hosts.add(urlsplit(asked.url).netloc))
        page.on("console", lambda said: seen.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        own.add(urlsplit(address).netloc)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert seen.hosts <= own
    # Browsers note each answer that is no success, such as the 503 of ill health.
    assert [text for text in seen.complaints if not text.startswith("Failed to load resource")] == []


@pytest.fixture
def visit(server: MetricsServer, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Return a function that opens the page of the server at a path."""
    return lambda path="/", *options: open_page(server.url + path, *options)
