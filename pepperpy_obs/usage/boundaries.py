"""Where one answer of a stream ends and the next begins, for answers that have no id to tell them apart by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pepperpy_obs.usage.get_path import first, get_path, paths, safe_getattr
from pepperpy_obs.usage.shapes import word

__all__ = ["opens", "restarts", "writes"]

_STARTS: Final = frozenset({"message_start", "response.created"})
"""The first events of Anthropic's and OpenAI's streams; that of Converse is a key of its own."""
_WRAPPED: Final = "raw_response_event"
"""What openai-agents wraps around an event of its provider."""
_WRITTEN: Final = (
    "content",
    "role",
    "tool_calls",
    "reasoning_content",
    "reasoning",
    "refusal",
    "function_call",
    "audio",
)
"""What the delta of a choice may hold, if the answer goes on."""
_TURN: Final = paths("output.message", "serverContent.modelTurn", "server_content.model_turn")
"""Where Converse keeps what was written, and where Gemini's live sessions do."""


def opens(item: Any) -> bool:
    """Tell whether an item says that an answer begins with it."""
    kind = word(get_path(item, ("type",)))
    if kind == _WRAPPED:
        kind = word(get_path(item, ("data", "type")))
    return kind in _STARTS or get_path(item, ("messageStart",)) is not None


def writes(item: Any) -> bool:
    """Tell whether an item is a piece of an answer, or a whole one, and not only the usage at its end."""
    choices = get_path(item, ("choices",))
    if choices is not None:
        return isinstance(choices, list) and any(_is_written(each) for each in choices)
    if get_path(item, ("candidates",)) or (
        get_path(item, ("done",)) is not None and get_path(item, ("model",)) is not None
    ):
        return True
    return first(item, _TURN) is not None


def _is_written(choice: Any) -> bool:
    if safe_getattr(choice, "message") is not None or safe_getattr(choice, "text"):
        return True
    delta = safe_getattr(choice, "delta")
    return delta is not None and any(safe_getattr(delta, name) for name in _WRITTEN)


def restarts(old: Mapping[str, Any], new: Mapping[str, Any], merge: str, end: str) -> bool:
    """Tell by its numbers whether a usage belongs to another answer than the final one before it.

    Within an answer the input stays what it is, and the output does not shrink: so several providers
    repeat their usage, Google with a reason to finish each time. Where counts come one by one
    (Titan, Llama), the input comes first.
    """
    read, written = _count(old, "input_tokens"), _count(old, "output_tokens") or 0
    now_read, now_written = _count(new, "input_tokens"), _count(new, "output_tokens") or 0
    if merge == "last":
        other = read is not None and now_read is not None and read != now_read
        return other or (bool(new) and now_written < written)
    if merge == "most":
        return now_written < written
    return merge == "overwrite" and end == "usage" and now_read is not None and bool(written)


def _count(raw: Mapping[str, Any], name: str) -> float | None:
    value = raw.get(name)
    return value if type(value) is int or type(value) is float else None
