"""What an answer used: tokens and the like, read from any provider's answer into one normal form.

`capture`, `capture_error` and `Stream` run in the observed call: they take the few numbers and names that
matter and never keep the answer. `read` runs later and makes a `Usage` of them; `fields`
spells it as the event does, and `told` is both in one. No SDK is imported: shapes are known by their fields (`table`).
"""

from __future__ import annotations

from pepperpy_obs.usage.answers import capture
from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.failures import capture_error
from pepperpy_obs.usage.normal import Usage, fields
from pepperpy_obs.usage.pieces import is_piece
from pepperpy_obs.usage.reading import read, usage_fields
from pepperpy_obs.usage.stream import Stream

__all__ = ["Captured", "Stream", "Usage", "capture", "capture_error", "fields", "is_piece", "read", "usage_fields"]
