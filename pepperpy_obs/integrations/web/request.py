"""One request under observation, for both kinds of middleware."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._record import END, NOTES, SPEC, START, Elsewhere, Record, Spec, blank, notes_of
from pepperpy_obs._shapes.capture import fail
from pepperpy_obs.context import CURRENT, caller_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Request"]

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
_OTHER: Final = "_OTHER"
"""The conventions' word for a method that is none: anyone may send any."""
_NO_ROUTE: Final = "(no route)"
_SPECS: Final = 4096
_SERVER_ERROR: Final = 500


@lru_cache(_SPECS)
def _spec(operation: str) -> Spec:
    return Spec(operation)


class Request:
    """The record of a request, until the last byte of its answer."""

    __slots__ = ("method", "path", "record", "route", "status")

    def __init__(self, method: str, path: str, record: Record) -> None:
        self.method = method
        self.path = path
        self.record = record
        self.route: Callable[[], str | None] = lambda: None
        """Finds the template of the route; to be asked when the application has answered."""
        self.status: int | None = None

    @classmethod
    def begin(cls, method: str, path: str, traceparent: str | None, baggage: str | None) -> Request:
        """Begin a request, as a child of the caller that its headers name.

        Where OpenTelemetry's own middleware stands before this one, its span is the caller: it has read the headers.
        """
        if len(RECORDS.records) >= RECORDS.threshold:
            RECORDS.drain_some()
        here = CURRENT.get()
        if here is not None and type(here[NOTES]) is Elsewhere:
            traceparent = None
        method = method if method in _METHODS else _OTHER
        record = blank(_spec(method), caller_of(traceparent, baggage, below=here))
        record[START] = _clock.perf_counter_ns()
        RECORDS.append(record)
        return cls(method, path, record)

    @property
    def ended(self) -> bool:
        """Whether all was said of it."""
        return self.record[END] is not None

    def first_part(self) -> None:
        """Note that the first part of a streamed answer has left."""
        notes = notes_of(self.record)
        if notes.first is None:
            notes.first = _clock.perf_counter_ns()

    def end(self, error: BaseException | None = None) -> None:
        """End it, with the exception that ended it if there was one; a second time does nothing."""
        if self.ended:
            return
        try:
            self._tell()
        finally:
            if error is None:
                self.record[END] = _clock.perf_counter_ns()
            else:
                fail(self.record, error)

    def _tell(self) -> None:
        route = self.route()
        self.record[SPEC] = _spec(f"{self.method} {route or _NO_ROUTE}")
        fields: dict[str, Any] = notes_of(self.record).fields
        fields["http.request.method"] = self.method
        fields["url.path"] = self.path
        if route is not None:
            fields["http.route"] = route
        if self.status is not None:
            fields["http.response.status_code"] = self.status
            if self.status >= _SERVER_ERROR:
                fields |= {"outcome": "error", "level": "error", "error_type": str(self.status)}
