"""What is taken from an answer while its call still runs: numbers and names, never the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from pepperpy_obs.usage.normal import Usage
from pepperpy_obs.usage.shapes import Shape

__all__ = ["Captured"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Captured:
    """The usage part of an answer, not yet understood.

    `raw` holds, under the names of the normal form, what the answer said, unchecked; `read`
    makes a `Usage` of it. `shape` is None if no usage was found: then only the names are known.
    Starts empty: one is made for each item of a stream, and what is not set costs nothing.
    """

    shape: Shape | None = None
    raw: Mapping[str, Any] = _NOTHING
    provider: str | None = None
    model: str | None = None
    response_id: str | None = None
    service_tier: str | None = None
    incomplete: bool = False
    aggregate: bool = False
    """Set where the place, not the shape, says that it is the total of several requests."""
    pending: bool = False
    """Set where the answer says that it is yet to come: its usage will be in a later one with the same id."""
    entries: Sequence[Captured] = ()
    earlier: Sequence[Captured] = ()
    """Requests that may be of this call or of one before."""
    made: int | None = None
    """When the answer was made, in epoch ms, if its id tells that."""
    usage: Usage | None = None
    """Set when the caller handed over a finished `Usage`."""

    @property
    def countless(self) -> bool:
        """Whether it holds no count, cost or request: names at most."""
        return not self.raw and not self.entries and self.usage is None

    @classmethod
    def of_user(cls, usage: Usage) -> Captured:
        """Return what a caller has counted by itself."""
        captured = cls()
        captured.usage = usage
        return captured
