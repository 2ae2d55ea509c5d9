"""The usage that an exception carries: a call that failed after it was answered was paid for all the same."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from pepperpy_obs.usage.answers import capture
from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.dig import Path, ask, dig
from pepperpy_obs.usage.take import take

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
_TRACEBACK: Final[Any] = BaseException.__dict__["__traceback__"]
_MEMBERS: Final[Any] = BaseExceptionGroup.__dict__["exceptions"]
"""Python's own attributes: an exception may have a `__getattribute__` that raises."""
_UNTOLD: Final = {"ContentFilterFinishReasonError": "chat_completion"}
"""Exceptions that tell nothing of their answer, and the name that it has where they are raised (openai)."""
_ASKED: Final[Path] = ("create_kwargs", "model")
_MOST: Final = 8
"""How many exceptions are looked at: of a chain, or of a group."""
_DEEPEST: Final = 1000

_Carried = tuple[Captured, object]


def capture_error(error: BaseException) -> _Carried | None:
    """Return the usage that `error`, those of its group and those before it carry, and the object that has it.

    What an exception was raised from, or was raised while handling, was paid for too, if that happened in the same
    call. Several answers are an entry each; the total of a run contains what came before it.
    """
    found: list[_Carried] = []
    told: set[object] = set()
    for each in _chain(error):
        carried = _carried(each)
        if carried is None:
            continue
        captured, carrier = carried
        known = captured.response_id or id(carrier)
        if known not in told:
            told.add(known)
            found.append(carried)
        if captured.aggregate or (captured.shape is not None and captured.shape.aggregate):
            break
    if len(found) < 2:
        return found[0] if found else None
    return _joined([captured for captured, _ in found]), found[0][1]


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
    handled = _TRACEBACK.__get__(earlier)
    return handled is not None and any(frame is handled.tb_frame for frame in _frames(later))


def _frames(error: BaseException) -> Iterator[FrameType]:
    passed = _TRACEBACK.__get__(error)
    for _ in range(_DEEPEST):
        if passed is None:
            return
        yield passed.tb_frame
        passed = passed.tb_next


def _carried(error: BaseException) -> _Carried | None:
    total = ask(error, _TOTAL)
    if total is not None and (whole := _total(error, total) or _attempts(error)) is not None:
        return whole, error
    captured, found = take(error)
    if found is not None:
        return captured, error
    for name in _CARRIERS:
        carrier = ask(error, name)
        if carrier is not None and (kept := capture(carrier)) is not None and not kept.countless:
            return kept, carrier
    return _left(error, _UNTOLD[type(error).__name__]) if type(error).__name__ in _UNTOLD else None


def _total(error: BaseException, usage: Any) -> Captured | None:
    """Return the total of an exception that ends a loop of attempts (instructor): what each of them used together."""
    captured, found = take({"usage": usage})
    if found is None or not any(captured.raw.values()):
        return None
    last, _ = take(ask(error, _LAST))
    asked = dig(error, _ASKED)
    captured.model = last.model or (asked if isinstance(asked, str) else None)
    captured.provider = captured.provider or last.provider
    captured.service_tier = last.service_tier
    captured.aggregate = True
    attempts = ask(error, _ATTEMPTS)
    if type(attempts) is int:
        captured.raw = {**captured.raw, "requests": attempts}
    return captured


def _attempts(error: BaseException) -> Captured | None:
    """Return the answers of a loop of attempts one by one: of some providers instructor has no total."""
    told = ask(error, "failed_attempts")
    kept = [capture(ask(each, "completion")) for each in told] if isinstance(told, list) else []
    entries = [each for each in kept if each is not None and not each.countless]
    return _joined(entries) if entries else None


def _joined(entries: list[Captured]) -> Captured:
    joined = Captured()
    joined.entries = entries
    return joined


def _left(error: BaseException, name: str) -> _Carried | None:
    """Return the answer that the frame which has raised `error` still has."""
    frames = list(_frames(error))
    carrier = frames[-1].f_locals.get(name) if frames else None
    kept = None if carrier is None else capture(carrier)
    return None if kept is None or kept.countless else (kept, carrier)
