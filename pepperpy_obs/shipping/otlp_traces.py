"""OTLP traces: each call is a span with the ids of its event; what is no call is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pepperpy_obs.formats.genai import as_span, is_span
from pepperpy_obs.shipping.otlp import Otlp, attributes_of, hex_id
from pepperpy_obs.shipping.record import Record

__all__ = ["OtlpTraces"]

_KINDS: Final = {"internal": 1, "server": 2, "client": 3}
_ERROR: Final = 2
_LONGEST: Final = 1e9


@dataclass(frozen=True, kw_only=True)
class OtlpTraces(Otlp):
    """What takes OTLP traces over HTTP: Tempo, Jaeger, a collector."""

    words: ClassVar[tuple[str, str, str]] = ("resourceSpans", "scopeSpans", "spans")
    path: str = "/v1/traces"

    def entries(self, record: Record, event: Mapping[str, Any], *, reduced: bool) -> list[dict[str, Any]]:
        """Return the span of a call."""
        trace, span = hex_id(event.get("trace_id"), 32), hex_id(event.get("span_id"), 16)
        if not is_span(event) or trace is None or span is None:
            return []
        told = as_span(event, self.conventions)
        end = max(0, record.at)
        found: dict[str, Any] = {
            "traceId": trace,
            "spanId": span,
            "name": told.name,
            "kind": _KINDS[told.kind],
            "startTimeUnixNano": str(max(0, end - _nanoseconds(event.get("duration_seconds")))),
            "endTimeUnixNano": str(end),
            "attributes": [] if reduced else attributes_of(told.attributes.items()),
            "status": {"code": _ERROR} if told.failed else {},
        }
        if (parent := hex_id(event.get("parent_span_id"), 16)) is not None:
            found["parentSpanId"] = parent
        return [found]


def _nanoseconds(seconds: object) -> int:
    return round(seconds * 1e9) if isinstance(seconds, int | float) and 0 <= seconds < _LONGEST else 0
