"""What is taken from an answer while its call still runs: numbers and names, never the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pepperpy_obs.usage.normal import Usage
from pepperpy_obs.usage.shapes import Shape

__all__ = ["Captured"]


@dataclass(slots=True)
class Captured:
    """The usage part of an answer, not yet understood.

    `raw` holds, under the names of the normal form, what the answer said, unchecked; `read`
    makes a `Usage` of it. `shape` is None if no usage was found: then only the names are known.
    """

    shape: Shape | None = None
    raw: dict[str, Any] = field(default_factory=dict[str, Any])
    provider: str | None = None
    model: str | None = None
    response_id: str | None = None
    service_tier: str | None = None
    incomplete: bool = False
    entries: list[Captured] = field(default_factory=list["Captured"])
    usage: Usage | None = None
    """Set when the caller handed over a finished `Usage`."""
