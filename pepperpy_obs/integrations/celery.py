"""Celery: each run of a task is one event, as a child of what has sent it."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._call import current_call
from pepperpy_obs._dispatch import RECORDS, runtime
from pepperpy_obs._guard import failed
from pepperpy_obs._record import END, START, Record, Spec, blank, notes_of
from pepperpy_obs._shapes.capture import fail
from pepperpy_obs.context import CURRENT, caller_of, reset

if TYPE_CHECKING:
    from contextvars import Token

    from pepperpy_obs.config import Config

__all__ = ["instrument_celery", "uninstrument_celery"]

_signals: Any = import_module("celery.signals")  # Celery has no types
_STAGE: Final = "celery"
_SPECS: Final = 4096
_MOST: Final = 65_536
_running: dict[str, tuple[Record, Token[Record | None]]] = {}
_raised: dict[str, BaseException] = {}
_config: Config | None = None


def instrument_celery(config: Config | None = None) -> None:
    """Observe the tasks that this process sends and runs; a second time it only takes the settings.

    A task that is sent takes `traceparent` and the fields of `attributes()` along in its headers. Its run is an event
    of the task's name, and the caller of all that it calls; a retry is no error. With a `config` each child of a
    worker configures itself when it begins, and what it has recorded leaves before it ends.
    """
    global _config
    _config = config
    for signal, step in _STEPS:
        signal.connect(step, weak=False, dispatch_uid=f"pepperpy_obs {step.__name__}")


def uninstrument_celery() -> None:
    """Observe no more tasks."""
    for signal, step in _STEPS:
        signal.disconnect(step, dispatch_uid=f"pepperpy_obs {step.__name__}")


@lru_cache(_SPECS)
def _spec(name: str) -> Spec:
    return Spec(name)


def _send(headers: Any = None, **_: Any) -> None:
    """Send the running call along."""
    try:
        call = current_call()
        for name, value in (("traceparent", call.traceparent), ("baggage", call.baggage)):
            if value is not None and isinstance(headers, dict):
                headers.setdefault(name, value)
    except Exception as error:
        failed(_STAGE, error)


def _begin(task_id: str | None = None, task: Any = None, **_: Any) -> None:
    """Begin the run of a task."""
    try:
        if RECORDS.off or task_id is None or len(_running) >= _MOST:
            return
        if len(RECORDS.records) >= RECORDS.threshold:
            RECORDS.drain_some()
        caller = caller_of(_header(task, "traceparent"), _header(task, "baggage"), below=CURRENT.get())
        record = blank(_spec(str(task.name)), caller)
        notes_of(record).fields["celery.task_id"] = task_id
        if retries := getattr(task.request, "retries", 0):
            notes_of(record).fields["celery.retries"] = retries
        record[START] = _clock.perf_counter_ns()
        RECORDS.append(record)
        _running[task_id] = record, CURRENT.set(record)
    except Exception as error:
        failed(_STAGE, error)


def _header(task: Any, name: str) -> str | None:
    """Return a header of the message that has brought a task: Celery has it among others', or as an attribute."""
    told = (getattr(task.request, "headers", None) or {}).get(name) or getattr(task.request, name, None)
    return told if isinstance(told, str) else None


def _note_failure(task_id: str | None = None, exception: BaseException | None = None, **_: Any) -> None:
    if task_id in _running and exception is not None:
        _raised[task_id] = exception


def _end(task_id: str | None = None, state: str | None = None, **_: Any) -> None:
    """End it as Celery says that it has ended."""
    found, error = _running.pop(task_id or "", None), _raised.pop(task_id or "", None)
    if found is None:
        return
    record, token = found
    try:
        fields = notes_of(record).fields
        if state is not None:
            fields["celery.state"] = str(state)
        if state == "RETRY":
            fields["raised"] = "Retry"
        if error is None or state == "RETRY":
            record[END] = _clock.perf_counter_ns()
        else:
            fail(record, error)
    except Exception as ours:
        failed(_STAGE, ours)
    finally:
        reset(token)


def _begin_child(**_: Any) -> None:
    """Configure a child of a worker."""
    if _config is not None:
        try:
            runtime().configure(_config, runtime().processors)
        except Exception as error:
            failed(_STAGE, error)


def _end_child(**_: Any) -> None:
    """Let all leave: a child ends without Python's exit handlers."""
    runtime().shutdown()


_STEPS: Final[tuple[tuple[Any, Any], ...]] = (
    (_signals.before_task_publish, _send),
    (_signals.task_prerun, _begin),
    (_signals.task_failure, _note_failure),
    (_signals.task_postrun, _end),
    (_signals.worker_process_init, _begin_child),
    (_signals.worker_process_shutdown, _end_child),
)
