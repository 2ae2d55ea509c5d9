"""The messages in what a LangGraph graph streams: whole states, updates by node, pieces of messages, events.

The same message comes by several of these ways, and in every later state: its id tells that it is the same.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pepperpy_obs.usage.get_path import Path, get_path, safe_getattr
from pepperpy_obs.usage.shapes import word

__all__ = ["Messages", "is_piece", "is_reply", "kind_of_message", "messages_of"]

_REPLIES: Final = frozenset({"ai", "AIMessage", "AIMessageChunk"})
_QUESTIONS: Final = frozenset({"human", "HumanMessage", "HumanMessageChunk"})
_OTHERS: Final = frozenset({"tool", "system", "function", "remove", "ToolMessage", "SystemMessage", "ToolMessageChunk"})
_MODES: Final = frozenset({"values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"})
_TYPE: Final[Path] = ("type",)
_MESSAGES: Final = "messages"
_REPLY: Final[dict[str, Path]] = {
    "on_chat_model_stream": ("data", "chunk"),
    "on_chat_model_end": ("data", "output"),
}
"""The events that carry a message; the same message stands in the results of all that is around the model, too."""
_MOST_NODES: Final = 64
_UPDATES: Final = (dict, list, type(None))
"""What a node adds to the state."""


class Messages(NamedTuple):
    """The messages of one item of a stream."""

    found: list[Any]
    is_state: bool = False
    """Whether they are the whole conversation, that of earlier runs included."""
    of_run: bool = False
    """Whether they are what a run has led to, not what a model is about to say."""


def kind_of_message(item: Any) -> str | None:
    """Return "ai", "human" or "other" for a message of LangChain, and None for anything else."""
    told = word(get_path(item, _TYPE))
    if told in _REPLIES:
        return "ai"
    if told in _QUESTIONS:
        return "human"
    return "other" if told in _OTHERS else None


def is_reply(item: Any) -> bool:
    """Tell whether an item is what a model has answered, or a piece of it."""
    return word(get_path(item, _TYPE)) in _REPLIES


def is_piece(message: Any) -> bool:
    """Tell whether a reply is only a piece of one."""
    return word(get_path(message, _TYPE)) == "AIMessageChunk"


def messages_of(item: Any) -> Messages | None:
    """Return the messages of an item that a graph has streamed, or None if it is nothing of the kind."""
    if type(item) is tuple:
        return _of_tuple(item)
    told = word(get_path(item, _TYPE))
    if told in _REPLIES:
        return Messages([item])
    if type(item) is not dict:
        return _of_state(safe_getattr(item, _MESSAGES))
    if type(item.get(_MESSAGES)) is list:
        return _of_state(item[_MESSAGES])
    if "data" in item:
        return messages_of(item["data"]) if told in _MODES and "ns" in item else _of_event(item)
    return _of_nodes(item)


def _of_event(item: dict[Any, Any]) -> Messages | None:
    event = item.get("event")
    if type(event) is not str or not event.startswith("on_"):
        return None
    path = _REPLY.get(event)
    reply = None if path is None else get_path(item, path)
    return Messages([] if reply is None else [reply])


def _of_tuple(item: tuple[Any, ...]) -> Messages | None:
    """Look into a pair of a message and what is known of it, or behind the names of a graph and a mode."""
    if not 2 <= len(item) <= 3:
        return None
    head, rest = item[0], item[1:]
    if len(rest) == 1 and type(rest[0]) is dict and kind_of_message(head) is not None:
        return Messages([head])
    if type(head) is tuple or (type(head) is str and head in _MODES):
        return messages_of(rest[0] if len(rest) == 1 else rest)
    return None


def _of_state(messages: Any) -> Messages | None:
    if type(messages) is not list or not any(kind_of_message(each) for each in messages):
        return None
    return Messages(messages, is_state=True, of_run=True)


def _of_nodes(item: dict[Any, Any]) -> Messages | None:
    """Take an update: what each node adds to the state, which may be several times."""
    if not 0 < len(item) <= _MOST_NODES:
        return None
    found: list[Any] = []
    for update in item.values():
        if type(update) not in _UPDATES:  # so it is with the first that anything else has, as a rule
            return None
        for each in update if type(update) is list else (update,):
            added = each.get(_MESSAGES) if type(each) is dict else None
            found += added if type(added) is list else () if added is None else (added,)
    return Messages(found, of_run=True) if any(kind_of_message(each) for each in found) else None
