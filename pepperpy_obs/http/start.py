"""Starts a server as the settings ask for it; a port that is taken does not stop the service."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.access import Access
from pepperpy_obs.http.server import AbsentServer, MetricsServer, TakenPortError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from pepperpy_obs.config import Config

__all__ = ["check_offered", "missing_pages", "start"]

_logger = logging.getLogger("pepperpy_obs")
_missing: dict[tuple[str, int], str] = {}


def check_offered(config: Config) -> None:
    """Raise SetupError where `metrics_export` says that metrics are not offered."""
    if config.metrics_export == "none":
        given = config.sources()["metrics_export"]
        msg = f'metrics_export is "none" ({given}), so no metrics are offered; set it to "prometheus" to have pages'
        raise SetupError(msg)


def start(
    app: WSGIApplication, config: Config, port: int | None, host: str | None, *, strict: bool | None
) -> MetricsServer:
    """Serve `app` from now on, by default where `config` says.

    If the port is taken, that is logged as an error, health warns of it, and the handle is not `listening`; with
    `strict` (by default `metrics_strict`) it is a SetupError. Anything else that is wrong with the settings always is.
    """
    check_offered(config)
    host = config.metrics_host if host is None else host
    port = config.metrics_port if port is None else port
    access = Access.of(config)
    try:
        server = MetricsServer(app, host, port, access)
    except TakenPortError as error:
        if config.metrics_strict if strict is None else strict:
            raise
        _missing[host, port] = str(error)
        _logger.error("the pages of this process are not served: %s", error)  # noqa: TRY400 - no traceback is needed
        return AbsentServer(host, port)
    _missing.pop((host, port), None)
    return server


def missing_pages() -> list[str]:
    """Return why pages that were asked for are not served, one sentence each."""
    return list(_missing.values())
