"""Keeps a share of the log. It stands after the aggregate, so what it drops was counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal
from zlib import crc32

from structlog import DropEvent

from pepperpy_obs.errors import SetupError
from pepperpy_obs.typing import EventDict

__all__ = ["Sampler"]

_KEPT_LEVELS: Final = frozenset({"warning", "error", "critical"})


class Sampler:
    """Keeps the share `rate` of all traces and raises `structlog.DropEvent` for the rest.

    A trace stays together, in this process and in all others with the same rate: its id decides, by
    the rule of OpenTelemetry's `TraceIdRatioBased`. Errors and warnings are always kept, and so is
    an event without a trace.
    """

    def __init__(self, rate: float) -> None:
        if not 0 <= rate <= 1:
            msg = f"a sample rate of {rate!r} was given; it is a share of all traces, from 0 to 1"
            raise SetupError(msg)
        self._all = rate == 1
        self._bound = round(rate * 2**64)

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Pass or drop."""
        if self._all or self._is_kept(event_dict):
            return event_dict
        raise DropEvent

    def scope(self, event_dict: EventDict) -> Callable[[str], bool] | Literal["operation"]:
        """Return what the decision about events like this one depends on: their trace, or the operation alone."""
        return "operation" if self._all or self._is_always_kept(event_dict) else self.keeps

    def _is_kept(self, event_dict: EventDict) -> bool:
        return self._is_always_kept(event_dict) or self.keeps(event_dict.get("trace_id"))

    def _is_always_kept(self, event_dict: EventDict) -> bool:
        return event_dict.get("level") in _KEPT_LEVELS or event_dict.get("outcome") == "error"

    def keeps(self, trace_id: Any) -> bool:
        """Tell whether the log has this trace, whatever its events."""
        if not trace_id:
            return True
        try:
            number = int(trace_id[-16:], 16)
        except (TypeError, ValueError):  # no W3C id: in a chain of the application's own
            number = crc32(str(trace_id).encode(errors="replace")) << 32
        return number < self._bound
