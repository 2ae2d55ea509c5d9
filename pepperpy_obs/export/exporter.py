"""`PrometheusExporter`: what was counted, as Prometheus reads it. Needs no prometheus_client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pepperpy_obs.export.exposition import Exposition
from pepperpy_obs.export.histograms import Histograms
from pepperpy_obs.export.projection import collect_families, read
from pepperpy_obs.http.negotiation import prefers_openmetrics
from pepperpy_obs.http.pages import Answer, Request, application
from pepperpy_obs.http.start import check_offered, start
from pepperpy_obs.readings.source import Collects, Source, machine_of, source_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from pepperpy_obs.http.server import MetricsServer

__all__ = ["PrometheusExporter"]

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class PrometheusExporter:
    """Exposes a collector's runtime, or the default one. May be used from any thread.

    >>> print(PrometheusExporter().text())
    # HELP pepperpy_operations_total Calls that have ended, by outcome: ok, error, cancelled or abandoned.
    # TYPE pepperpy_operations_total counter
    ...
    """

    def __init__(self, collector: Collects | Source | None = None) -> None:
        self._source = source_of(collector)
        self._histograms = Histograms()
        self._exposition = Exposition()

    async def export(self, *, openmetrics: bool = False) -> str:
        """Return what was counted so far in Prometheus's text format, or as OpenMetrics with exemplars.

        It is made in a thread, so that a big one does not hold up the event loop.
        """
        return await asyncio.to_thread(self.text, openmetrics=openmetrics)

    def text(self, *, openmetrics: bool = False) -> str:
        """Return the same without awaiting; SetupError where `metrics_export` is "none"."""
        check_offered(self._source.config)
        return self._rendered(openmetrics=openmetrics).decode()

    def _rendered(self, *, openmetrics: bool) -> bytes:
        families = collect_families(read(machine_of(self._source)), self._histograms)
        return self._exposition.openmetrics(families) if openmetrics else self._exposition.text(families)

    async def start_server(
        self, port: int | None = None, host: str | None = None, *, strict: bool | None = None
    ) -> MetricsServer:
        """Serve ``/metrics`` from now on, and return a handle with `port`, `url` and `close()`.

        As `pepperpy_obs.serve` does, which also serves statistics and health.
        """
        return start(self.wsgi(), self._source.config, port, host, strict=strict)

    def wsgi(self) -> WSGIApplication:
        """Return ``/metrics`` as a WSGI application, to be mounted in a server of your own."""
        check_offered(self._source.config)
        return application({"/metrics": self.page})

    def page(self, request: Request) -> Answer:
        """Answer a scrape in the format it asks for."""
        openmetrics = self._source.config.openmetrics and prefers_openmetrics(request.accept)
        return Answer(self._rendered(openmetrics=openmetrics), _OPENMETRICS if openmetrics else _TEXT)
