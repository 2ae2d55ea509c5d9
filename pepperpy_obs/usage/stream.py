"""Usage of a stream: merged from its items by the provider's own rule, no item kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from pepperpy_obs.usage.boundaries import opens, writes
from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.get_path import get_path, safe_getattr
from pepperpy_obs.usage.graphs import Messages, is_piece, is_reply, kind_of_message, messages_of
from pepperpy_obs.usage.normal import Usage
from pepperpy_obs.usage.parts import Part
from pepperpy_obs.usage.same_shape import extract
from pepperpy_obs.usage.sessions import Session
from pepperpy_obs.usage.several import added, has_total, of_models
from pepperpy_obs.usage.shapes import Match, word
from pepperpy_obs.usage.table import SHAPES
from pepperpy_obs.usage.views import view_of
from pepperpy_obs.usage.wire import Reader

__all__ = ["Stream"]

_TEXT: Final = (str, bytes, bytearray)
_STATE: Final = next(shape for shape in SHAPES if shape.name == "langchain state")


class Stream:
    """Watches the items of one stream go by.

    Items may be an SDK's events, dicts, pieces of the raw body (SSE, lines of JSON, AWS event stream) cut
    anywhere, or what a graph streams. Several answers may follow each other, or come interleaved: they are
    told apart by their ids or, where there are none, by what begins after a final usage (`boundaries`).
    Then the result has one entry for each. Not thread-safe; a stream has one consumer.
    """

    __slots__ = (
        *("_by_id", "_earlier", "_now", "_of_run", "_parts", "_past", "_reader", "_seen", "_session", "_total"),
        "_usage",
    )

    def __init__(self, usage: Callable[[Any], object] | None = None) -> None:
        """`usage` picks the usage out of each item, or gives None; without it the item itself is searched."""
        self._usage = usage
        self._reader: Reader | None = None
        self._now = Part()
        self._parts = [self._now]
        self._by_id: dict[str, Part] = {}
        self._session: Session | None = None
        self._past: frozenset[str] | None = None
        """The messages of earlier runs, as the first state of a graph tells them."""
        self._of_run = False
        """Whether states of a graph, or what its nodes add to them, were among the items: a total of its run."""
        self._earlier: Sequence[Captured] = ()
        self._total: Captured | None = None
        """What a result among the items says that all requests of the stream have used."""
        self._seen = False

    def feed(self, item: object) -> None:
        """Learn what there is to learn from one item; never changes it, never keeps it."""
        if self._usage is not None:
            item = self._usage(item)
        if item is None:
            return
        # By its class: to ask a lazy object for its `__class__` would load it.
        if issubclass(type(item), _TEXT):
            if self._reader is None:
                self._reader = Reader()
            for each in self._reader.feed(cast("str", item)):
                self._take(each)
        elif type(item) is Usage:
            self._seen = True
            self._now.tell(item)
        else:
            self._take(item)

    def add(self, answer: Captured) -> None:
        """Put an answer that is complete before those to come."""
        part = Part()
        part.replace(answer)
        part.final = not answer.incomplete
        self._parts.insert(0, part)
        self._seen = True

    def awaits(self, item: object) -> bool:
        """Return whether an item may go on with what came before: a text with its body, an answer with its usage."""
        if issubclass(type(item), _TEXT):
            return self._reader is not None
        return any(not part.empty and not part.final for part in self._parts)

    @property
    def recognised(self) -> bool:
        """Whether any item so far was like a provider's."""
        return self._seen

    def _take(self, item: Any) -> None:
        kind: Any = type(item)
        item = view_of(item)
        messages = messages_of(item)
        if messages is not None:
            self._converse(messages)
            return
        if has_total(kind) and (total := of_models(item)) is not None:
            self._total, self._seen = added(self._total, total), True
            return
        item = _unwrapped(item)
        new, found = extract(item)
        heard = self._hear(item)
        if not self._seen:
            self._seen = found is not None or not (new.model is new.response_id is new.provider is None)
        part = self._part_of(item, new, found) if heard is None else self._known(f"heard {heard}", aside=True)
        part.learn(item, new, found)
        if self._session is not None:
            self._session.name(part.captured, heard=heard is not None)

    def _hear(self, item: Any) -> str | None:
        """Follow a realtime session, if it is one."""
        kind = get_path(item, ("type",))
        if self._session is None:
            if type(kind) is not str or not kind.startswith(("session.", "transcription_session.", "conversation.")):
                return None
            self._session = Session()
        return self._session.hear(item)

    def _part_of(self, item: Any, new: Captured, found: Match | None) -> Part:
        """Return the answer that an item belongs to, which may begin with it."""
        told, now = new.response_id, self._now
        if told is not None and told in self._by_id:
            now = self._now = self._by_id[told]
            now.begun = now.begun or writes(item)
            return now
        written, opened = writes(item), opens(item)
        if told is not None and now.captured.response_id is not None:
            another = bool(new.raw) or written or opened
        elif not now.final:
            another = opened and not now.empty
        elif found is None:
            another = written or opened
        elif opened or (written and now.ends_once(found)):
            another = True
        else:
            another = now.starts_over(new, found)
        if another:
            now = self._now = Part()
            self._parts.append(now)
        now.begun = now.begun or written or opened
        if told is not None and now.captured.response_id is None:
            self._by_id[told] = now
        return now

    def _known(self, key: str, *, aside: bool = False) -> Part:
        """Return the answer of a key, which items without one do not belong to."""
        part = self._by_id.get(key)
        if part is None:
            part = self._by_id[key] = Part(aside=aside)
            self._parts.append(part)
        return part

    def _converse(self, messages: Messages) -> None:
        """Learn from what a graph has streamed: each reply counts once, those of earlier runs do not."""
        found = messages.found
        keys = [_key(message, position) for position, message in enumerate(found)]
        if messages.is_state and self._past is None:
            asked = [position for position, each in enumerate(found) if kind_of_message(each) == "human"]
            self._past = frozenset(keys[: asked[-1]] if asked else ())
            # A state that ends with a reply is a result: only what made it knows which of its requests are of this run.
            self._earlier = extract({"messages": found})[0].earlier if is_reply(found[-1]) else ()
        elif messages.is_state:
            self._earlier = ()
        self._of_run = self._of_run or messages.of_run
        for key, message in zip(keys, found, strict=True):
            if is_reply(message) and (self._past is None or key not in self._past):
                self._seen = True
                self._reply(message, key)

    def _reply(self, message: Any, key: str) -> None:
        part = self._known(key)
        if part.whole:
            return
        new, found = extract(message)
        # A message that names its model was written by one, if not by the application itself.
        part.begun = part.begun or new.model is not None
        if is_piece(message):
            part.learn(message, new, found)
        else:
            part.replace(new)

    def captured(self, *, whole: bool = False, ended: bool = True) -> Captured | None:
        """Return what is known so far, or None if no item was anything like a provider's.

        It is marked incomplete unless each answer has told its final usage. With `whole` the
        items were the entire answer, and one without any usage says nothing. Unless the stream has
        `ended`, a text may go on where it was cut.
        """
        if self._reader is not None and ended:
            for each in self._reader.close():
                self._take(each)
        if not self._seen:
            return None
        if self._total is not None:
            return self._total
        told = [part for part in self._parts if not part.captured.countless]
        if not told and whole:
            return None
        if not told:
            told = [next((part for part in self._parts if not part.empty), self._now)]
        short = any(not part.final for part in told) or any(part.begun for part in self._parts if part not in told)
        if len(told) == 1 and not self._of_run:
            captured = told[0].captured
        else:
            captured = _joined(told)
            captured.shape = _STATE if self._of_run else captured.shape
            captured.earlier = self._earlier
        captured.incomplete = short
        return captured


def _key(message: Any, position: int) -> str:
    """Return what tells a message from others: its id, or its place in the conversation."""
    told = word(safe_getattr(message, "id"))
    return f"message {position}" if told is None and not is_piece(message) else f"message {told}"


def _unwrapped(item: Any) -> Any:
    """Return the event itself of the wrappings that AWS, LangGraph and xAI's SDK put around one."""
    kind = type(item)
    if issubclass(kind, (list, tuple)) and len(item) == 2:
        if type(item[0]) is str:
            item = {item[0]: item[1]}
        elif issubclass(kind, tuple):
            item = item[0]
    chunk = item.get("chunk") if type(item) is dict else None
    if chunk is None:
        return item
    inner = get_path(chunk, ("bytes",))
    if inner is None:
        return chunk
    return next(iter(Reader().whole(inner)), item)


def _joined(parts: list[Part]) -> Captured:
    """Return several answers of one stream as one, with an entry for each; the last one is no mere part of a talk."""
    answers = [part.captured for part in sorted(parts, key=lambda part: not part.aside)]
    for part in parts:
        part.captured.incomplete = not part.final
    last = answers[-1]
    joined = Captured()
    joined.shape, joined.provider, joined.model = last.shape, last.provider, last.model
    joined.service_tier = last.service_tier
    joined.entries = answers
    return joined
