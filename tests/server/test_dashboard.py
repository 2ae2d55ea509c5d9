"""The dashboard in a real browser: what it shows is what /stats says, and every state of it has an address."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs]
from playwright.sync_api import Browser, Page, expect
from pydantic import SecretStr

from pepperpy_obs.config import Config
from pepperpy_obs.http.server import MetricsServer
from pepperpy_obs.server import serve
from tests.judgement.test_anomalies import DAY, Shape, history
from tests.server.conftest import HOSTILE, Shown
from tests.still import AT, Still

pytestmark = pytest.mark.slow


def stats(server: MetricsServer, query: str = "window=5m") -> dict[str, Any]:
    """Return what /stats says."""
    with urllib.request.urlopen(f"{server.url}/stats?{query}") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def figures(page: Page) -> dict[str, str]:
    """Return the exact values behind the figures at the top."""
    page.wait_for_selector("[data-figure=tokens]")
    found: dict[str, str] = page.eval_on_selector_all(
        "[data-figure]", "all => Object.fromEntries(all.map(one => [one.dataset.figure, one.value]))"
    )
    return found


def told(report: dict[str, Any]) -> dict[str, Any]:
    """Return the same of /stats."""
    performance, usage, cost = report["performance"], report["usage"], report["cost"]
    return {
        "calls": performance["calls"],
        "throughput": performance["throughput"],
        "error_rate": performance["error_rate"],
        "errors": performance["outcomes"].get("error", 0),
        "request_error_rate": usage["error_rate"],
        "p50": performance["p50_response_time"],
        "p95": performance["p95_response_time"],
        "p99": performance["p99_response_time"],
        "tokens": usage["total_tokens"],
        "input": usage["input_tokens"],
        "output": usage["output_tokens"],
        "requests": usage["total_calls"],
        "cost": cost["total_cost"],
        "savings": cost["savings"],
        "waste": cost["waste"],
    }


def test_what_is_shown_is_what_stats_says(server: MetricsServer, visit: Callable[..., Page]) -> None:
    """Every figure, every row of costs and of operations has the exact value of /stats."""
    page = visit("/?live=0")
    report = stats(server)
    shown = figures(page)
    for name, value in told(report).items():
        assert float(shown[name]) == float(value), name
        if isinstance(value, str):
            assert shown[name] == value, name
    rows = page.eval_on_selector_all("[data-cost]", "all => all.map(one => [one.dataset.cost, one.value])")
    assert dict(rows) == {
        f"model:{name}": cost["cost"] or "" for name, cost in report["cost"]["groups"]["model"].items()
    }
    calls = page.eval_on_selector_all("[data-operation]", "all => all.map(one => [one.dataset.operation, +one.value])")
    assert dict(calls) == {name: one["calls"] for name, one in report["performance"]["operations"].items()}


def test_what_is_not_known_is_said(visit: Callable[..., Page]) -> None:
    """Unpriced answers are told in a sentence, and sums that lack them are lower bounds."""
    page = visit("/?live=0")
    expect(page.locator(".banner")).to_contain_text("10 answers have no known price")
    expect(page.locator("[data-key=tile-cost] .main")).to_contain_text("≥ $")
    expect(page.locator("[data-cost='model:small']")).to_have_text("unknown")


@dataclass(frozen=True)
class Alert:
    """An alert as our own figures have it."""

    rule: str
    state: str
    severity: str
    labels: tuple[tuple[str, str], ...] = ()
    value: float = 0.0
    active_at: int = 0
    fired_at: int = 0
    resolved_at: int = 0


def test_alerts_that_fire_are_told_first(server: MetricsServer, source: Shown, visit: Callable[..., Page]) -> None:
    """What fires stands above all, what is about to fire below it, and what is resolved is told no more."""
    minute = 60_000_000_000
    labels = (("agent", "desk"), ("model", ""))
    known = {one.name: getattr(source.own, one.name) for one in fields(source.own)}
    own: Any = SimpleNamespace(
        **known
        | {
            "alerts": {
                "a": Alert("slow_answers", "pending", "warning", value=2.5, active_at=AT - minute),
                "b": Alert("errors", "firing", "critical", labels, 0.5, AT - 2 * minute, AT - minute),
                "c": Alert("old", "resolved", "warning", resolved_at=AT),
            }
        }
    )
    source.own = own
    page = visit("/?live=0")
    lines = page.locator("[data-key=alerts] li")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_have_text(re.compile(r"critical: errors\. agent desk; now 0\.50, since \d\d:\d\d:20"))
    expect(lines.nth(1)).to_have_text(re.compile(r"about to fire: slow answers\. now 2\.50, since "))
    with urllib.request.urlopen(f"{server.url}/alerts") as answer:
        told = json.load(answer)["alerts"]
    assert [(one["rule"], one["fired_at"], one["labels"]) for one in told] == [
        ("errors", "2023-11-14T22:12:20Z", {"agent": "desk"}),
        ("slow_answers", None, {}),
        ("old", None, {}),
    ]


def test_what_was_odd_is_listed(
    server: MetricsServer, source: Shown, visit: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An anomaly of the last day stands in a table, as /anomalies has it; it is judged once for all who look."""
    steps = history(3, 200, lambda number: Shape(errors=0.4 if number > 3 * DAY - 5 else 0.01, trace="t1"))
    judged: list[str] = []

    def odd(window: Any, step: Any) -> Any:
        if step not in {"5m", "1h"}:
            return []
        judged.append(step)
        return steps

    monkeypatch.setattr(source, "history", odd)
    reports = [json.loads(urllib.request.urlopen(f"{server.url}/anomalies").read()) for _ in range(2)]
    finding = reports[1]["anomalies"][0]["findings"][0]
    assert (finding["what"], finding["operation"], judged) == ("errors", "ask", ["5m"])
    row = visit("/?live=0").locator("[data-key=card-anomalies] tbody tr").first
    expect(row).to_contain_text("errors")
    expect(row.get_by_role("link")).to_have_attribute("href", "/?live=0&trace=t1")


def test_a_page_that_is_live_shows_calls_that_end(
    server: MetricsServer, source: Shown, visit: Callable[..., Page]
) -> None:
    """New calls are shown without a reload, in the elements that were there: focus stays where it was."""
    page = visit("/")
    figures(page)
    link = page.locator("[data-operation=ask]").locator("xpath=../preceding-sibling::th/a")
    link.focus()
    for place in range(7):
        source.ask(place)
    expect(page.locator("[data-figure=calls]")).to_have_attribute("value", "48")
    assert page.evaluate("document.activeElement.textContent") == "ask"
    assert float(figures(page)["tokens"]) == stats(server)["usage"]["total_tokens"]


def test_a_history_that_is_joined_is_the_whole(
    server: MetricsServer, source: Shown, visit: Callable[..., Page]
) -> None:
    """The last steps, asked for anew, and those of before are what one answer would have been; the heat map, too."""
    page = visit("/?live=0&by=model")
    figures(page)

    def told_of(window: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{server.url}/history?window={window}&step=10s&by=model") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    before = told_of("5m")
    source.fold(operation="slow", kind="tool", outcome="ok", duration_seconds=5000.0)
    source.fold(operation="quick", kind="tool", outcome="error", duration_seconds=1e-7)
    source.ask(1)
    joined: dict[str, Any] = page.evaluate(
        "async ([before, last]) => (await import('/static/history.js')).joined(before, last)", [before, told_of("30s")]
    )
    whole = told_of("5m")
    heat, wanted = joined.pop("heat"), whole.pop("heat")
    rows, costs = (one.pop("cost_by")["rows"] for one in (joined, whole))
    assert joined == whole
    assert {name: [*map(Decimal, row)] for name, row in rows.items()} == {
        name: [*map(Decimal, row)] for name, row in costs.items()
    }
    assert [sum(row) for row in heat["counts"]] == [sum(row) for row in wanted["counts"]] == whole["calls"]
    assert heat["factor"] <= wanted["factor"]


def test_charts_can_be_read_without_seeing_them(server: MetricsServer, visit: Callable[..., Page]) -> None:
    """Each chart says in words what it shows, and lists its figures; the pointer reads the heat map."""
    page = visit("/?live=0")
    figures(page)
    expect(page.locator("#chart-calls")).to_have_attribute(
        "aria-label", "Calls: 41 in 5 steps of 10.0 s, 4 failed, at most 10 in one step"
    )
    page.locator("[data-figures=calls] summary").press("Enter")
    expect(page.locator("[data-figures=calls] tbody tr")).to_have_count(5)
    rows = page.eval_on_selector_all(
        "[data-figures=calls] tbody tr", "all => all.map(row => [...row.cells].slice(1).map(one => +one.textContent))"
    )
    with urllib.request.urlopen(f"{server.url}/history?window=5m") as answer:
        steps = json.load(answer)
    wanted = [[calls - failed, failed] for calls, failed in zip(steps["calls"], steps["errors"], strict=True)]
    assert rows == wanted[::-1]
    box = page.locator("#chart-heat .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    expect(page.locator(".readout")).to_contain_text("calls")


def test_every_state_is_an_address(server: MetricsServer, visit: Callable[..., Page]) -> None:
    """Choosing an agent changes the address and the figures; a reload keeps them, and back undoes it."""
    page = visit("/?live=0")
    before = figures(page)
    page.get_by_label("only this agent").select_option("desk")
    expect(page.locator("[data-figure=calls]")).to_have_attribute("value", "20")
    assert "agent=desk" in page.url
    for _ in range(2):
        shown = figures(page)
        for name, value in told(stats(server, "window=5m&agent=desk")).items():
            assert float(shown[name]) == float(value), name
        page.reload()
    page.go_back()
    expect(page.locator("[data-figure=calls]")).to_have_attribute("value", before["calls"])


def test_a_customer_has_costs_and_no_durations(server: MetricsServer, visit: Callable[..., Page]) -> None:
    """Of a customer requests alone are counted: the page says so, and claims nothing about calls."""
    page = visit("/?live=0&customer=acme")
    assert figures(page)["cost"] == stats(server, "window=5m&customer=acme")["cost"]["total_cost"]
    expect(page.locator("[data-key=tile-calls] .main")).to_have_text("\N{EN DASH}")
    expect(page.locator("[data-key=partial]")).to_contain_text(
        "Only requests, tokens and costs are counted by customer"
    )


def test_a_trace_is_a_tree_with_costs(visit: Callable[..., Page]) -> None:
    """Calls stand below their callers with tokens and cost; the keyboard folds and opens them; markup is text."""
    page = visit("/traces/t1")
    page.wait_for_selector(".tree")
    rows = page.eval_on_selector_all(
        ".tree tbody tr",
        "all => all.map(row => [row.ariaLevel, ...[...row.cells].slice(2).map(one => one.textContent)])",
    )
    assert rows == [
        ["1", "5.00 s", "220", "≥ $0.1000"],
        ["2", "2.00 s", "110", "$0.1000"],
        ["3", "1.00 s", "110", "$0.1000"],
        ["2", "500 ms", "110", "unknown"],
        ["2", "100 ms", "", ""],
    ]
    assert page.locator(".tree .op").first.inner_text() == HOSTILE
    page.locator("[data-toggle=b]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".tree tbody tr")).to_have_count(4)
    page.keyboard.press("ArrowDown")
    page.locator("[data-inspect=b]").press("Enter")
    expect(page.locator(".content pre")).to_contain_text(HOSTILE.replace('"', '\\"'))
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-figure=calls]")
    assert "t1" not in page.url


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/?live=0", "/traces/t1"])
def test_a_page_fits_and_can_be_used_by_all(visit: Callable[..., Page], width: int, scheme: str, path: str) -> None:
    """Nothing sticks out at the side, and the rules of accessibility of axe hold, contrast among them."""
    page = visit(path, width, scheme)
    page.wait_for_selector(".card")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_server_that_is_away_is_said_so(server: MetricsServer, source: Shown, visit: Callable[..., Page]) -> None:
    """What is shown stays, and a sentence says how old it is; when the server is back the page goes on."""
    page = visit("/")
    figures(page)
    port = server.port
    server.close()
    expect(page.locator("#banners")).to_contain_text("No answer since", timeout=20_000)
    expect(page.locator("[data-figure=calls]")).to_be_visible()
    with serve(port, collector=source, strict=True):
        expect(page.locator("#banners")).to_be_empty(timeout=20_000)


def test_a_browser_asks_for_the_password(browser: Browser, no_thread_left: None) -> None:
    """Where a user and a password are set, the page and all that it asks for are refused without them."""
    config = Config(config_file=None, metrics_user="ann", metrics_password=SecretStr("sesame"))
    shown = Shown(config=config)
    with serve(0, collector=shown) as listener:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{listener.url}/static/main.js")
        with browser.new_context(http_credentials={"username": "ann", "password": "sesame"}) as known:
            page = known.new_page()
            page.goto(f"{listener.url}/?live=0")
            expect(page.locator("[data-figure=requests]")).to_have_attribute("value", "40")


def test_nothing_is_not_zero(browser: Browser, no_thread_left: None) -> None:
    """A source without events shows dashes for what is unknown, and says that there is nothing yet."""
    with serve(0, collector=Still()) as listener:
        page = browser.new_page()
        page.goto(f"{listener.url}/?live=0")
        expect(page.locator("[data-key=tile-latency] .main")).to_have_text("\N{EN DASH}")
        expect(page.locator("[data-key=card-operations]")).to_contain_text("No call has ended in this window.")
        page.close()


def test_a_window_that_is_not_kept_is_explained(visit: Callable[..., Page]) -> None:
    """A window longer than the source keeps is answered with the source's own sentence."""
    page = visit("/?live=0&window=30d")
    expect(page.locator("#main")).to_contain_text("set store_url")


def test_the_policy_forbids_all_but_ours(server: MetricsServer) -> None:
    """The page and its files name no other host, and the policy lets no other script, style or connection in."""
    for path in ("/", "/static/main.js", "/static/dashboard.css"):
        asked = urllib.request.Request(server.url + path, headers={"Accept": "text/html"})
        with urllib.request.urlopen(asked) as answer:
            policy = answer.headers["Content-Security-Policy"]
            text = answer.read().decode()
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "https://" not in text
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{server.url}/static/..%2fapp.py")


def test_licences_are_beside_what_they_are_of(server: MetricsServer) -> None:
    """The library that draws is served with its licence."""
    with urllib.request.urlopen(f"{server.url}/static/uplot.LICENSE.txt") as answer:
        assert "MIT License" in answer.read().decode()
