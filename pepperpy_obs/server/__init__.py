"""Server: metrics, statistics and health behind one address."""

from __future__ import annotations

from pepperpy_obs.export.listener import Listener
from pepperpy_obs.server.app import make_app, serve

__all__ = ["Listener", "make_app", "serve"]
