"""The pages: the dashboard, ``/metrics``, ``/stats``, ``/history``, ``/traces``, ``/events``, ``/health`` and others.

For scrapers, people and probes of one's own machine or cluster: there is no login, and so no other address
than 127.0.0.1 unless asked for. ``/livez`` says only that the process answers. ``/readyz`` says whether it can work:
by checks of your own and by `Config.ready_checks`, and not by a provider's failures, which would take every replica
out of work at once. ``/health`` tells of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pepperpy_obs.export.exporter import PrometheusExporter
from pepperpy_obs.http.access import Access
from pepperpy_obs.http.asgi import ASGIApplication, as_asgi
from pepperpy_obs.http.mounted import admitting
from pepperpy_obs.http.pages import Answer, Page, Request, application
from pepperpy_obs.http.start import check_offered, start
from pepperpy_obs.metrics.health import HealthChecker
from pepperpy_obs.readings.narrowing import narrowed
from pepperpy_obs.readings.source import Collects, Source, source_of
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.runtime.runtime import Runtime
from pepperpy_obs.server.alerts import alerts_page
from pepperpy_obs.server.anomalies import AnomaliesPage
from pepperpy_obs.server.dashboard import dashboard_page, static_page
from pepperpy_obs.server.history import history_page
from pepperpy_obs.server.query import number_of, wanted_labels
from pepperpy_obs.server.readings import events_page, reading_page
from pepperpy_obs.server.shown import Shown
from pepperpy_obs.server.traces import trace_page, traces_page

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from pepperpy_obs.http.server import MetricsServer

__all__ = ["Pending", "make_app", "make_asgi_app", "serve"]

Pending = Callable[[], str]
"""Says what the pages still wait for; "" of nothing."""

_ALIVE: Final = "/livez"
_ALWAYS: Final = frozenset({_ALIVE, "", "/static/"})
"""Pages that show nothing of what is still being read."""


def serve(
    port: int | None = None,
    host: str | None = None,
    *,
    collector: Collects | Source | None = None,
    checker: HealthChecker | None = None,
    pending: Pending | None = None,
    strict: bool | None = None,
) -> MetricsServer:
    """Serve all pages from now on, in threads, and return a handle with `port`, `url`, `listening` and `close()`.

    By default on `Config.metrics_host` (127.0.0.1) and `Config.metrics_port` (8000); port 0 takes any free one.
    `checker` brings checks of your own into ``/health`` and ``/readyz``. While `pending` returns a sentence, all pages
    but ``/livez`` are answered with it and 503: a scrape of half the past would take the rest for new.

    A port that is taken does not stop the service: it is logged as an error, ``health()`` warns of it, and the handle
    is not `listening`. With `strict` (by default `Config.metrics_strict`) it is a SetupError. Other settings that make
    no sense always are one.
    """
    app = _application(collector, checker, pending)
    return start(app, source_of(collector).config, port, host, strict=strict)


def make_app(
    collector: Collects | Source | None = None, checker: HealthChecker | None = None, pending: Pending | None = None
) -> WSGIApplication:
    """Return all pages as a WSGI application, to be mounted in a server of your own.

    The rules of access are those of `serve`: the host has to be this machine, an address or one of
    `metrics_allowed_hosts`, and a token or password is asked for if one is set.
    """
    config = source_of(collector).config
    return admitting(_application(collector, checker, pending), Access.of(config))


def make_asgi_app(
    collector: Collects | Source | None = None, checker: HealthChecker | None = None, pending: Pending | None = None
) -> ASGIApplication:
    """Return the same for ASGI, to be mounted in FastAPI or Starlette; pages are made in threads, beside the loop."""
    return as_asgi(make_app(collector, checker, pending))


def _application(
    collector: Collects | Source | None, checker: HealthChecker | None, pending: Pending | None
) -> WSGIApplication:
    source = source_of(collector)
    check_offered(source.config)
    is_live = isinstance(source, Runtime)
    if isinstance(source, Runtime):
        source.recent.keep(source.config)
    shown = Shown(source)
    pages = _pages(shown, PrometheusExporter(shown), checker or HealthChecker(shown), is_live=is_live)
    if pending is not None:
        waiting = {path: _once_read(page, pending) for path, page in pages.items() if path not in _ALWAYS}
        pages = {**pages, **waiting}
    return application(pages)


def _once_read(page: Page, pending: Pending) -> Page:
    def answer(request: Request) -> Answer:
        text = pending()
        return Answer(f"{text}\n", status=HTTPStatus.SERVICE_UNAVAILABLE) if text else page(request)

    return answer


def _pages(
    source: Source, exporter: PrometheusExporter, checker: HealthChecker, *, is_live: bool
) -> Mapping[str, Page]:
    def stats(request: Request) -> Answer:
        query = request.query
        report = Stats.of(narrowed(source.reading(query.get("window")), wanted_labels(query)))
        made = report.top_json(number_of(query, "top", 0, "/stats?top=50")) if "top" in query else report.to_json()
        return Answer(made, "application/json")

    def health(_: Request) -> Answer:
        report = checker.check()
        return Answer(report.to_json(), "application/health+json", _status(well=report.status != "fail"))

    def alive(_: Request) -> Answer:
        return Answer("ok\n")

    def ready(_: Request) -> Answer:
        report = checker.check()
        return Answer(f"{report}\n", status=_status(well=report.is_ready))

    return {
        "": dashboard_page,
        "/metrics": exporter.page,
        "/stats": stats,
        "/history": partial(history_page, source),
        "/traces": partial(traces_page, source),
        "/traces/": partial(trace_page, source),
        "/events": partial(events_page, source),
        "/alerts": partial(alerts_page, source),
        "/anomalies": AnomaliesPage(source, is_live=is_live),
        "/health": health,
        _ALIVE: alive,
        "/readyz": ready,
        "/reading": partial(reading_page, source),
        "/static/": static_page,
    }


def _status(*, well: bool) -> HTTPStatus:
    return HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
