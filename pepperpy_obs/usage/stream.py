"""Usage of a stream: merged from its items by the provider's own rule, no item kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import add
from typing import Any, Final

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.dig import dig, first
from pepperpy_obs.usage.normal import Usage
from pepperpy_obs.usage.shapes import Found, word
from pepperpy_obs.usage.take import take
from pepperpy_obs.usage.wire import Reader

__all__ = ["Stream"]


class Stream:
    """Watches the items of one stream go by.

    Items may be an SDK's events, dicts, or pieces of the raw body (SSE, lines of JSON, AWS
    event stream) cut anywhere. What comes after an answer with another id is another answer:
    then the result has one entry for each. Not thread-safe; a stream has one consumer.
    """

    __slots__ = ("_answers", "_final", "_now", "_reader", "_seen", "_usage")

    def __init__(self, usage: Callable[[Any], object] | None = None) -> None:
        """`usage` picks the usage out of each item, or gives None; without it the item itself is searched."""
        self._usage = usage
        self._reader: Reader | None = None
        self._answers: list[Captured] = []
        self._now = Captured()
        self._seen = False
        self._final = False

    def feed(self, item: object) -> None:
        """Learn what there is to learn from one item; never changes it, never keeps it."""
        if self._usage is not None:
            item = self._usage(item)
        if item is None:
            return
        if isinstance(item, str | bytes | bytearray):
            if self._reader is None:
                self._reader = Reader()
            for each in self._reader.feed(item):
                self._take(each)
        elif isinstance(item, Usage):
            self._now, self._seen, self._final = Captured.of_user(item), True, True
        else:
            self._take(item)

    @property
    def recognised(self) -> bool:
        """Whether any item so far was like a provider's."""
        return self._seen

    def _take(self, item: Any) -> None:
        item = _unwrapped(item)
        new, found = take(item)
        if self._now.raw and new.raw and new.response_id and self._now.response_id not in (None, new.response_id):
            self._close()
        now = self._now
        if not self._seen:
            self._seen = found is not None or not (new.model is new.response_id is new.provider is None)
        now.model = now.model or new.model
        now.response_id = now.response_id or new.response_id
        now.service_tier = new.service_tier or now.service_tier
        now.provider = now.provider or new.provider
        if found is not None and (new.raw or now.shape is None):
            self._merge(new, found)
        self._note_end(item, found)

    def _merge(self, new: Captured, found: Found) -> None:
        now = self._now
        merge = found.place.merge or found.shape.merge
        if now.shape is None or merge == "last":
            # What stands beside the usage, searches or a price, may come with any item.
            beside = {name: now.raw[name] for name in found.shape.around if name in now.raw} if now.raw else None
            now.shape, now.entries = found.shape, new.entries
            now.raw = {**beside, **new.raw} if beside else new.raw
        elif merge == "overwrite":
            now.raw = {**now.raw, **new.raw}
            now.entries = new.entries or now.entries
        else:
            now.raw = _combined(now.raw, new.raw, add if merge == "add" else max)

    def _note_end(self, item: Any, found: Found | None) -> None:
        shape = self._now.shape if found is None else found.shape
        if shape is None:
            return
        last = _ENDS[shape.end](item)
        # Who reports costs reports them once, at the end, though OpenRouter may add an empty choice there.
        if last or (found is not None and (last is None or "cost" in self._now.raw)):
            self._final = True

    def _close(self) -> None:
        self._now.incomplete = not self._final
        self._answers.append(self._now)
        self._now, self._final = Captured(), False

    def captured(self, *, whole: bool = False) -> Captured | None:
        """Return what is known so far, or None if no item was anything like a provider's.

        It is marked incomplete unless the stream has told its final usage. With `whole` the
        items were the entire answer, and one without any usage says nothing.
        """
        if self._reader is not None:
            for each in self._reader.close():
                self._take(each)
        if not self._seen or (whole and not self._answers and not self._now.raw and self._now.usage is None):
            return None
        if not self._answers:
            self._now.incomplete = not self._final
            return self._now
        if self._now.raw:
            self._close()
        return _joined(self._answers)


def _unwrapped(item: Any) -> Any:
    """Return the event itself of the wrappings that AWS, LangGraph and xAI's SDK put around one."""
    if isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str):
        item = {item[0]: item[1]}
    elif isinstance(item, tuple) and len(item) == 2:
        item = item[0]
    chunk = dig(item, ("chunk",)) if isinstance(item, dict) else None
    if chunk is None:
        return item
    inner = dig(chunk, ("bytes",))
    if inner is None:
        return chunk
    return next(iter(Reader().whole(inner)), item)


def _combined(old: Mapping[str, Any], new: Mapping[str, Any], combine: Callable[[Any, Any], Any]) -> dict[str, Any]:
    result = dict(old)
    for name, value in new.items():
        before = old.get(name)
        result[name] = combine(before, value) if _is_number(before) and _is_number(value) else value
    return result


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _joined(answers: list[Captured]) -> Captured:
    """Return several answers of one stream as one, with an entry for each."""
    last = answers[-1]
    joined = Captured()
    joined.shape, joined.provider, joined.model = last.shape, last.provider, last.model
    joined.service_tier = last.service_tier
    joined.entries = answers
    joined.incomplete = any(each.incomplete for each in answers)
    return joined


def _says_nothing(_: Any) -> bool | None:
    return None


def _last_choice(item: Any) -> bool | None:
    """OpenAI: the usage comes after the last choice, in a chunk without any, or with the finish itself."""
    return bool(dig(item, ("choices", "*", "finish_reason"))) if dig(item, ("choices",)) else None


def _last_candidate(item: Any) -> bool | None:
    """Google: every chunk has usage; the one with a finish reason has the last."""
    if not dig(item, ("candidates",)):
        return None
    reasons = first(item, (("candidates", "*", "finishReason"), ("candidates", "*", "finish_reason")))
    # Protobuf says 0 where there is none.
    return any(reasons or ())


def _message_delta(item: Any) -> bool | None:
    return word(dig(item, ("type",))) in {"message_delta", "message_stop", "message"}


def _run(item: Any) -> bool | None:
    """Assistants: the steps of a run come before the run itself."""
    return None if first(item, (("object",), ("data", "object"))) == "thread.run" else False


def _done(item: Any) -> bool | None:
    return dig(item, ("done",)) is True


_ENDS: Final[dict[str, Callable[[Any], bool | None]]] = {
    "usage": _says_nothing,
    "choices": _last_choice,
    "candidates": _last_candidate,
    "message_delta": _message_delta,
    "run": _run,
    "flag": _done,
}
"""Whether an item is the last that matters; None leaves it to whether it has usage."""
