"""The links of the chain, each of them fit for any structlog chain, and the forms that events leave it in."""

from __future__ import annotations

from pepperpy_obs.formats.console import Console
from pepperpy_obs.formats.ecs import render_ecs
from pepperpy_obs.formats.lines import render_json
from pepperpy_obs.processors.sample import Sample
from pepperpy_obs.sanitize.bound import Bound
from pepperpy_obs.sanitize.redact import Redact

__all__ = ["Bound", "Console", "Redact", "Sample", "render_ecs", "render_json"]
