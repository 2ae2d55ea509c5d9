"""The usage that an exception carries: a call that failed after it was answered was paid for all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pepperpy_obs.usage.answers import capture
from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.extract import extract
from pepperpy_obs.usage.frames import frames_of, held
from pepperpy_obs.usage.get_path import Path, get_path, safe_getattr

__all__ = ["capture_error"]

_TOTAL: Final = "total_usage"
_ATTEMPTS: Final = "n_attempts"
_LAST: Final = "last_completion"
_CARRIERS: Final = (
    "run_data",  # openai-agents: all that a run has done
    "completion",  # openai: the answer that could not be parsed
    _LAST,
    "partial_interaction",
    "_pydantic_ai_run_cancelled",
    "response",
    "ai_message",
    "result",
    "answer",
    "body",
)
"""Attributes under which libraries, and applications of their own, keep the answer in an exception."""
_CAUSE: Final[Any] = BaseException.__dict__["__cause__"]
_CONTEXT: Final[Any] = BaseException.__dict__["__context__"]
_MEMBERS: Final[Any] = BaseExceptionGroup.__dict__["exceptions"]
"""Python's own attributes: an exception may have a `__getattribute__` that raises."""
_ASKED: Final[Path] = ("create_kwargs", "model")
_MOST: Final = 8
"""How many exceptions are looked at: of a chain, or of a group."""

_Carried = tuple[Captured, object]


def capture_error(error: BaseException) -> _Carried | None:
    """Return the usage that `error`, those of its group and those before it carry, and the object that has it.

    What an exception was raised from, or was raised while handling, was paid for too, if that happened in the same
    call. Several answers are an entry each; the total that an exception tells contains what came before it.
    """
    found: dict[object, _Carried] = {}
    for each in _chain(error):
        carried = _carried(each)
        if carried is not None:
            found.setdefault(carried[0].response_id or id(carried[1]), carried)
            if _is_total(carried[0]):
                break
        for kept in held(each):
            found.setdefault(kept[0].response_id or id(kept[1]), kept)
    if len(found) < 2:
        return next(iter(found.values()), None)
    entries: dict[object, Captured] = {}
    for captured, _ in found.values():
        for entry in captured.entries or (captured,):
            entries.setdefault(entry.response_id or id(entry), entry)
    first = next(iter(found.values()))
    return first if len(entries) < 2 else (_joined(list(entries.values())), first[1])


def _is_total(captured: Captured) -> bool:
    return captured.aggregate or (captured.shape is not None and captured.shape.aggregate)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, those of its group, and those before them; a bounded number."""
    waiting = [error]
    for _ in range(_MOST):
        if not waiting:
            return
        each = waiting.pop(0)
        yield each
        # By its class, too: it may have a `__class__` that raises.
        if issubclass(type(each), BaseExceptionGroup):
            waiting.extend(_MEMBERS.__get__(each)[:_MOST])
        before = _CAUSE.__get__(each)
        if before is None:
            before = _CONTEXT.__get__(each)
            before = before if before is not None and _happened_within(before, each) else None
        if before is not None:
            waiting.append(before)


def _happened_within(earlier: BaseException, later: BaseException) -> bool:
    """Tell whether a frame that `later` has passed through has handled `earlier`: else it may be an earlier call's."""
    handler = next(frames_of(earlier), None)
    return handler is not None and any(frame is handler for frame in frames_of(later))


def _carried(error: BaseException) -> _Carried | None:
    total = safe_getattr(error, _TOTAL)
    if total is not None and (whole := _total(error, total) or _attempts(error)) is not None:
        return whole, error
    captured, found = extract(error)
    if found is not None:
        return captured, error
    for name in _CARRIERS:
        carrier = safe_getattr(error, name)
        if carrier is not None and (kept := capture(carrier)) is not None and not kept.countless:
            return kept, carrier
    return None


def _total(error: BaseException, usage: Any) -> Captured | None:
    """Return the total of an exception that ends a loop of attempts (instructor): what each of them used together."""
    captured, found = extract({"usage": usage})
    if found is None or not any(captured.raw.values()):
        return None
    last, _ = extract(safe_getattr(error, _LAST))
    asked = get_path(error, _ASKED)
    captured.model = last.model or (asked if isinstance(asked, str) else None)
    captured.provider = captured.provider or last.provider
    captured.service_tier = last.service_tier
    captured.aggregate = True
    attempts = safe_getattr(error, _ATTEMPTS)
    if type(attempts) is int:
        captured.raw = {**captured.raw, "requests": attempts}
    return captured


def _attempts(error: BaseException) -> Captured | None:
    """Return the answers of a loop of attempts one by one: of some providers instructor has no total."""
    told = safe_getattr(error, "failed_attempts")
    kept = [capture(safe_getattr(each, "completion")) for each in told] if isinstance(told, list) else []
    entries = [each for each in kept if each is not None and not each.countless]
    return _joined(entries) if entries else None


def _joined(entries: list[Captured]) -> Captured:
    joined = Captured()
    joined.entries = entries
    return joined
