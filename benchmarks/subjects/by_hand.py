"""What people write with what is at hand: prometheus_client, structlog, the standard library's logging."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from benchmarks.subjects import Function, Subject

__all__ = ["subjects"]

_FOLDER: Final = Path(mkdtemp(prefix="pepperpy_obs-bench-"))
Report = Callable[[str, float], object]


def reporting(function: Function, report: Report) -> Function:
    """Time each call and report its outcome and seconds: the floor, with something done about it."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter_ns()
            outcome = "ok"
            try:
                return await function(*args, **kwargs)
            except BaseException:
                outcome = "error"
                raise
            finally:
                report(outcome, (time.perf_counter_ns() - start) / 1e9)

        return timed

    @functools.wraps(function)
    def timed_call(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter_ns()
        outcome = "ok"
        try:
            return function(*args, **kwargs)
        except BaseException:
            outcome = "error"
            raise
        finally:
            report(outcome, (time.perf_counter_ns() - start) / 1e9)

    return timed_call


def prometheus_cached() -> Subject:
    """Two metrics whose children are looked up once, when the function is decorated."""
    calls, seconds = _metrics()

    def wrap(function: Function, operation: str) -> Function:
        children = {outcome: calls.labels(operation, outcome) for outcome in ("ok", "error")}
        observe = seconds.labels(operation).observe

        def report(outcome: str, took: float) -> None:
            children[outcome].inc()
            observe(took)

        return reporting(function, report)

    return Subject("prometheus_client, children cached", wrap)


def prometheus_labels() -> Subject:
    """The same two metrics, with `labels()` in each call, as its documentation shows it."""
    calls, seconds = _metrics()

    def wrap(function: Function, operation: str) -> Function:
        def report(outcome: str, took: float) -> None:
            calls.labels(operation, outcome).inc()
            seconds.labels(operation).observe(took)

        return reporting(function, report)

    return Subject("prometheus_client, labels() per call", wrap)


def _metrics() -> tuple[Counter, Histogram]:
    registry = CollectorRegistry()
    return (
        Counter("calls", "Calls.", ["operation", "outcome"], registry=registry),
        Histogram("call_seconds", "Durations.", ["operation"], registry=registry),
    )


def structlog_json() -> Subject:
    """The processors of structlog's performance guide, with msgspec as its fast serializer, into a file."""
    file = (_FOLDER / "structlog.jsonl").open("ab")
    logger = structlog.wrap_logger(
        structlog.BytesLogger(file),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    ).bind()

    def wrap(function: Function, operation: str) -> Function:
        def report(outcome: str, took: float) -> None:
            logger.info("operation.finished", operation=operation, outcome=outcome, duration_seconds=took)

        return reporting(function, report)

    return Subject("structlog, msgspec JSON, file", wrap, flush=file.flush)


def _encode(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event)


class JSONFormatter(logging.Formatter):
    """The formatter that everybody writes once."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON."""
        facts = {"timestamp": self.formatTime(record), "level": record.levelname, "event": record.getMessage()}
        return json.dumps(facts | getattr(record, "facts", {}))


def logging_json() -> Subject:
    """The standard library's logging, a JSON formatter and a FileHandler."""
    logger = logging.getLogger("benchmark")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    way = logging.FileHandler(_FOLDER / "logging.jsonl")
    way.setFormatter(JSONFormatter())
    logger.addHandler(way)

    def wrap(function: Function, operation: str) -> Function:
        def report(outcome: str, took: float) -> None:
            facts = {"operation": operation, "outcome": outcome, "duration_seconds": took}
            logger.info("operation.finished", extra={"facts": facts})

        return reporting(function, report)

    return Subject("logging, JSON formatter, file", wrap)


def subjects() -> list[Subject]:
    """Return the subjects that need nothing but what we depend on ourselves."""
    return [prometheus_cached(), prometheus_labels(), structlog_json(), logging_json()]
