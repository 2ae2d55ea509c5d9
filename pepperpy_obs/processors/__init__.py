"""The links of the chain, each of them fit for any structlog chain, and the forms that events leave it in."""

from __future__ import annotations

from pepperpy_obs.formats.console import Console
from pepperpy_obs.formats.ecs import render_ecs
from pepperpy_obs.formats.lines import render_json
from pepperpy_obs.processors.sampler import Sampler
from pepperpy_obs.sanitize.redact import Redactor
from pepperpy_obs.sanitize.truncate import Truncator

__all__ = ["Console", "Redactor", "Sampler", "Truncator", "render_ecs", "render_json"]
