"""Starts a server as the settings ask for it; a port that is taken does not stop the service."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pepperpy_obs.errors import SetupError, SourceError
from pepperpy_obs.http.access import Access
from pepperpy_obs.http.server import AbsentServer, MetricsServer, OwnPortError, TakenPortError
from pepperpy_obs.http.waiting import WaitingServer

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from pepperpy_obs.config import Config

__all__ = ["check_offered", "missing_pages", "start"]

_logger = logging.getLogger("pepperpy_obs")
_TIMEOUT: Final = 2.0
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

    If another process has the port that shares `share_directory` with this one, its pages show this one, too, and this
    process takes over when that one ends. If the port is taken by any other, that is logged as an error, health warns
    of it, and the handle is not `listening`; with `strict` (by default `metrics_strict`) it is a SetupError. Anything
    else that is wrong with the settings always is.
    """
    check_offered(config)
    host = config.metrics_host if host is None else host
    port = config.metrics_port if port is None else port
    access = Access.of(config)
    try:
        server = MetricsServer(app, host, port, access)
    except TakenPortError as error:
        is_another = not isinstance(error, OwnPortError)
        if config.share_directory is not None and is_another and _is_ours(host, port, config):
            _missing.pop((host, port), None)
            return WaitingServer(host, port, lambda: MetricsServer(app, host, port, access))
        if config.metrics_strict if strict is None else strict:
            raise
        _missing[host, port] = str(error)
        _logger.error("the pages of this process are not served: %s", error)  # noqa: TRY400 - no traceback is needed
        return AbsentServer(host, port)
    _missing.pop((host, port), None)
    server.shows_children = config.share_directory is not None
    return server


def _is_ours(host: str, port: int, config: Config) -> bool:
    """Return whether another process has the port that serves the same pages, for all that share the directory."""
    from pepperpy_obs.http.fetch import Address, fetch  # noqa: PLC0415 - an HTTP client is loaded where it is needed

    scheme = "http" if config.metrics_cert_file is None else "https"
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a comparison
    shown = f"[{name}]" if ":" in name else name
    try:
        status, body = fetch(Address(f"{scheme}://{shown}:{port}", config), "/livez", timeout=_TIMEOUT)
    except SourceError:
        return False
    return (status, body) == (HTTPStatus.OK, b"ok\n")


def missing_pages() -> list[str]:
    """Return why pages that were asked for are not served, one sentence each."""
    return list(_missing.values())
