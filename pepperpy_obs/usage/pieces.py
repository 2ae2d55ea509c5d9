"""Whether what is recorded is a piece of an answer that goes on, or a whole answer."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs.usage.boundaries import opens
from pepperpy_obs.usage.get_path import first, get_path, paths
from pepperpy_obs.usage.graphs import is_piece as is_message_piece
from pepperpy_obs.usage.shapes import word
from pepperpy_obs.usage.views import view_of
from pepperpy_obs.usage.wire import is_stream_body

__all__ = ["is_piece"]

_EVENTS: Final = ("response.", "message_", "content_block_", "message-", "content-", "tool-", "citation-", "ping")
"""How the types of events begin in the streams of OpenAI's Responses, Anthropic and Cohere."""
_KEYS: Final = paths(
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "chunk.bytes",
    "event_type",
    "serverContent",
    "trace.trace",
)
"""What only events have: of Converse, InvokeModel, Cohere's first API, Gemini's live sessions, and Bedrock's agents."""
_RUN: Final = "thread.run"
_CONVERSE_END: Final = frozenset({"metadata"})


def is_piece(answer: Any) -> bool:
    """Tell whether an answer is a chunk or an event of a stream, whose usage may be told by a later one."""
    if issubclass(type(answer), (str, bytes, bytearray)):  # to ask a lazy object for its `__class__` would load it
        return is_stream_body(answer)
    answer = view_of(answer)
    inner = get_path(answer, ("data",))
    if _is_event(answer) or (inner is not None and not isinstance(inner, list | str) and is_piece(inner)):
        return True
    choices = get_path(answer, ("choices",))
    if isinstance(choices, list):
        return not choices or get_path(answer, ("choices", "*", "delta")) is not None
    if get_path(answer, ("candidates",)):
        return first(answer, (("candidates", "*", "finishReason"), ("candidates", "*", "finish_reason"))) is None
    return first(answer, _KEYS) is not None or (type(answer) is dict and answer.keys() == _CONVERSE_END)


def _is_event(answer: Any) -> bool:
    """Tell by its type, or by a flag, whether an item is an event of a stream, and not its last one."""
    kind = word(get_path(answer, ("type",)))
    named = (kind is not None and kind.startswith(_EVENTS)) or opens(answer) or is_message_piece(answer)
    return named or _is_named(answer) or get_path(answer, ("done",)) is False


def _is_named(answer: Any) -> bool:
    """Tell by what an object calls itself: a chunk, or a state of a run of OpenAI's assistants without its usage."""
    told = word(get_path(answer, ("object",))) or ""
    return (
        told.endswith(".chunk")
        or told.startswith(f"{_RUN}.")
        or (told == _RUN and get_path(answer, ("usage",)) is None)
    )
