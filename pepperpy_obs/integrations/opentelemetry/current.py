"""One tree: our running call is OpenTelemetry's current span, and its current span is the caller of our calls.

OpenTelemetry asks a runtime context what is current, and tells it when a span becomes so. Ours stands before the
application's. Made current, a span of theirs gets a record of ours, so our wrappers find it where they find any caller
and pay nothing. Asked while a call of ours is the innermost, it answers with a span that stands for that call: its ids
are made when they are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags

from pepperpy_obs._guard import failed
from pepperpy_obs._record import NOTES, Elsewhere, Record
from pepperpy_obs.context import CURRENT, elsewhere, reset, span_context
from pepperpy_obs.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Token

__all__ = ["CallSpan", "TraceContext", "join", "part"]

_PLACE: Final = "_RUNTIME_CONTEXT"
"""Where OpenTelemetry's API keeps its runtime context; it has no public way to exchange it."""


class CallSpan(NonRecordingSpan):
    """Stands for a running call of ours: spans started below, and headers, have its ids.

    What code sets on "the current span" goes where it went without us: to the application's span around the call.
    """

    def __init__(self, record: Record, around: Span, sampled: Callable[[str], bool]) -> None:
        super().__init__(around.get_span_context())
        self.record = record
        self._around = around
        self._sampled = sampled

    def get_span_context(self) -> SpanContext:
        """Return the call's ids, made on first asking."""
        try:
            own, span, *_ = span_context(self.record)
            if own is None or span is None:
                return self._around.get_span_context()
            flags = TraceFlags(TraceFlags.SAMPLED if self._sampled(own) else TraceFlags.DEFAULT)
            return SpanContext(int(own, 16), int(span, 16), is_remote=False, trace_flags=flags)
        except Exception as error:
            failed("opentelemetry", error)
            return self._around.get_span_context()

    def is_recording(self) -> bool:
        """Tell whether the application's span around is."""
        return self._around.is_recording()

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set them on the application's span."""
        self._around.set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set it on the application's span."""
        self._around.set_attribute(key, value)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Add it to the application's span."""
        self._around.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        """Add it to the application's span."""
        self._around.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Rename the application's span."""
        self._around.update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set it on the application's span."""
        self._around.set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - OpenTelemetry's signature
    ) -> None:
        """Record it on the application's span."""
        self._around.record_exception(exception, attributes, timestamp, escaped)


class _Attached(NamedTuple):
    """What `detach` needs: the application's token, and what of ours became current, if anything did."""

    token: Any
    record: Record | None
    own: Token[Record | None] | None


class TraceContext:
    """OpenTelemetry's runtime context, with our calls in it."""

    def __init__(self, inner: Any, sampled: Callable[[str], bool], seen: Callable[[str, bool], None]) -> None:
        self.inner = inner
        self._sampled = sampled
        self._seen = seen

    def get_current(self) -> Context:
        """Return the current context: that of the application, with our call as the span if that is the innermost."""
        current: Context = self.inner.get_current()
        record = CURRENT.get()
        if record is None or type(record[NOTES]) is Elsewhere:
            return current
        try:
            around = trace.get_current_span(current)
            if type(around) is CallSpan:
                around = around._around  # noqa: SLF001 - one call's span within another's
            return trace.set_span_in_context(CallSpan(record, around, self._sampled), current)
        except Exception as error:
            failed("opentelemetry", error)
            return current

    def attach(self, context: Context) -> Any:
        """Make a context current, and its span the caller of our calls."""
        token = self.inner.attach(context)
        try:
            record = self._record_of(trace.get_current_span(context))
            own = None if record is None else CURRENT.set(record)
        except Exception as error:
            failed("opentelemetry", error)
            return token
        return _Attached(token, record, own) if own is not None else token

    def detach(self, token: Any) -> None:
        """Make current what was so before."""
        if type(token) is not _Attached:
            self.inner.detach(token)
            return
        # A block of ours that was opened inside and is still open stays current.
        if token.own is not None and CURRENT.get() is token.record:
            reset(token.own)
        self.inner.detach(token.token)

    def _record_of(self, span: Span) -> Record | None:
        """Return the record to make current for a span; None where nothing changes."""
        here = CURRENT.get()
        if type(span) is CallSpan:  # carried over from where that call runs
            return None if span.record is here else span.record
        context = span.get_span_context()
        if not context.is_valid:
            return None
        own, name = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        if here is not None and type(here[NOTES]) is Elsewhere and span_context(here)[:2] == (own, name):
            return None
        self._seen(own, context.trace_flags.sampled)
        return elsewhere(own, name, below=here)


def join(sampled: Callable[[str], bool], seen: Callable[[str, bool], None]) -> None:
    """Put our runtime context before the application's, once; SetupError if OpenTelemetry has none to exchange."""
    inner = getattr(otel_context, _PLACE, None)
    if isinstance(inner, TraceContext):
        return
    if not callable(getattr(inner, "attach", None)):
        msg = f"this version of opentelemetry-api has no opentelemetry.context.{_PLACE}; attach() alone works with it"
        raise SetupError(msg)
    setattr(otel_context, _PLACE, TraceContext(inner, sampled, seen))


def part() -> None:
    """Take our runtime context out again."""
    outer = getattr(otel_context, _PLACE, None)
    if isinstance(outer, TraceContext):
        setattr(otel_context, _PLACE, outer.inner)
