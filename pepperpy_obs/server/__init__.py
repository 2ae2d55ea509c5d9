"""Server: metrics, statistics and health behind one address."""

from __future__ import annotations

from pepperpy_obs.http.server import MetricsServer
from pepperpy_obs.server.app import make_app, make_asgi_app, serve

__all__ = ["MetricsServer", "make_app", "make_asgi_app", "serve"]
