"""Middleware for web applications: one event for each request, whatever framework answers it."""

from __future__ import annotations

from pepperpy_obs.integrations.web.asgi import AsgiMiddleware
from pepperpy_obs.integrations.web.wsgi import WsgiMiddleware

__all__ = ["AsgiMiddleware", "WsgiMiddleware"]
