"""The links of the chain, each of them fit for any structlog chain, and the forms that events leave it in."""

from __future__ import annotations

from pepperpy_obs.processors.bound import Bound
from pepperpy_obs.processors.console import Console
from pepperpy_obs.processors.ecs import render_ecs
from pepperpy_obs.processors.lines import render_json
from pepperpy_obs.processors.redact import Redact
from pepperpy_obs.processors.sample import Sample

__all__ = ["Bound", "Console", "Redact", "Sample", "render_ecs", "render_json"]
