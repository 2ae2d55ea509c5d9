"""The usage that an exception carries: a call that failed after it was answered was paid for all the same."""

from __future__ import annotations

from collections.abc import Iterator
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
_DEEPEST: Final = 8
_ASKED: Final[Path] = ("create_kwargs", "model")


def capture_error(error: BaseException) -> tuple[Captured, object] | None:
    """Return the usage that `error`, one of its group or of its causes carries, and the object that has it.

    Only `raise ... from` is followed: an exception that was merely being handled when this one was raised
    may belong to an earlier call.
    """
    for each in _chain(error):
        if (found := _carried(each)) is not None:
            return found
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, those of its group, and what they were raised from; a bounded number."""
    waiting = [error]
    for _ in range(_DEEPEST):
        if not waiting:
            return
        each = waiting.pop(0)
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions[:_DEEPEST])
        if each.__cause__ is not None:
            waiting.append(each.__cause__)


def _carried(error: BaseException) -> tuple[Captured, object] | None:
    total = ask(error, _TOTAL)
    if total is not None and (captured := _total(error, total)) is not None:
        return captured, error
    captured, found = take(error)
    if found is not None:
        return captured, error
    for name in _CARRIERS:
        carrier = ask(error, name)
        if carrier is not None and (kept := capture(carrier)) is not None and not kept.countless:
            return kept, carrier
    return None


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
