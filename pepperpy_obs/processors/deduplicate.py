"""Marks usage that was counted before, so that tokens and money are counted where the provider answered, once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from pepperpy_obs._event import ANSWER
from pepperpy_obs._record import EARLIER, PRICED, SPAN, Identity, SpanFacts
from pepperpy_obs.aggregate.requests import outcome_of
from pepperpy_obs.events import TOKEN_FIELDS
from pepperpy_obs.processors.below import Below, Counted
from pepperpy_obs.processors.conversation import flag_uncounted, take_in
from pepperpy_obs.processors.known_ids import KnownAnswers, is_framework_id
from pepperpy_obs.processors.totals import Parts, is_total, without
from pepperpy_obs.processors.twins import Twins, read_below
from pepperpy_obs.typing import EventDict

__all__ = ["NEEDS_PRICE", "DeduplicateUsage"]

NEEDS_PRICE: Final = "_unpaid"
"""Key of a note to the link that prices: what was counted before, but with no price asked for. Either the entries of
a total for which that is so, or True for the whole event."""

_REMEMBERED: Final = 16_384
_WAITED_FOR: Final = 65_536
"""How many requests are kept for all calls that have not ended yet."""

_USED: Final = frozenset({*TOKEN_FIELDS, "usage_units", "reported_cost_usd"})
_MISSING: Final = "missing"
_NO_OBJECT: Final[Identity] = (0, None)


class DeduplicateUsage:
    """Sets `usage_duplicate` on an event whose usage is counted in other events; takes out of a total what is.

    An answer was counted before if its response id was, if the very object was returned before, by a call below or
    by a function that keeps its answers, and where the id is a framework's own, if a call below counted one like it.
    Of a total over several requests each is looked for by itself (`Parts`). A call that gave no usage, while
    providers were asked below it, is no answer. Children end before their parents, so a call knows by then
    what was counted below it.
    If no price was asked for where the usage was counted (`@tracked_usage` within `@costed`), the mark leaves
    room for it: `NEEDS_PRICE` tells the link that prices to do so.
    Needs events in the order in which they ended. Remembers the latest `remembered` response ids and objects, and as
    many calls that have not ended; older ones are taken for new.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._limit = remembered
        self._answers = KnownAnswers(remembered)
        self._twins_elsewhere = Twins()
        self._below: dict[Any, Below] = {}
        self._kept = 0

    @property
    def open_spans(self) -> Collection[Any]:
        """The spans below which something was counted, and which have not ended yet; a live view."""
        return self._below

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Mark the event if need be, and remember what it counts."""
        answer: Identity = event_dict.pop(ANSWER, None) or _NO_OBJECT
        unknown = take_in(event_dict, event_dict.pop(EARLIER)) if EARLIER in event_dict else ()
        facts: SpanFacts | None = event_dict.pop(SPAN, None)
        uses = "input_tokens" in event_dict or not event_dict.keys().isdisjoint(_USED)
        silent = not uses and ("usage_flags" in event_dict or "usage_incomplete" in event_dict)
        if not uses and not silent and not self._below:
            return event_dict  # so it is for most events
        span = event_dict.get("span_id")
        below = self._below.pop(span, None)
        if below is not None:
            self._kept -= below.size
        if unknown:
            flag_uncounted(event_dict, unknown, below or Below(), self._answers)
        if uses:
            below = self._count(event_dict, below or Below(), *answer, facts)
        elif silent:
            below = self._ask(event_dict, below, facts)
        # An event without a span of its own names the span that it happened in.
        above = event_dict.get("parent_span_id") if "duration_seconds" in event_dict else span
        if facts is not None and facts.above is not None:
            above = facts.above
        if below is not None and above is not None:
            self._hand_up(above, below)
        return event_dict

    def _count(self, event: EventDict, below: Below, address: int, held: Any, facts: SpanFacts | None) -> Below:
        """Mark what was counted before, and return what is counted with this event and below it."""
        asked, trace = PRICED in event, event.get("trace_id")
        if event.get("cache_hit") is True:
            below.requests.append(Counted.of(event, address, priced=asked))
            return below
        duplicates = self._twins(event, below, address, held, facts)
        parts = Parts(event, below, self._answers) if not duplicates and is_total(event) else None
        if parts is not None and not parts.new:
            duplicates = [parts.priced]
        told = Counted.of(event, address, priced=asked or any(duplicates))
        self._answers.add(event, trace, held, priced=told.priced)
        if duplicates:
            below.totals.append(told)
            event["usage_duplicate"] = True
            if asked and not any(duplicates):
                event[NEEDS_PRICE] = True
        elif parts is None or "usage_entries" not in event:
            below.requests.append(told)
        else:
            below.totals.append(told)
            self._count_parts(event, parts, below)
        return below

    def _count_parts(self, event: EventDict, parts: Parts, below: Below) -> None:
        """Count the requests of a total that were not counted before."""
        asked, trace = PRICED in event, event.get("trace_id")
        if parts.before:
            without(event, parts)
            if asked and not parts.priced:
                event[NEEDS_PRICE] = parts.before
        for entry in parts.new:
            self._answers.add(entry, trace, None, priced=asked)
            below.requests.append(Counted.of(entry, 0, priced=asked))

    def _twins(self, event: EventDict, below: Below, address: int, held: Any, facts: SpanFacts | None) -> list[bool]:
        """Return of each time that the whole answer was counted before whether it was priced then."""
        duplicates = below.same(event, address)
        if not duplicates and is_framework_id(event.get("response_id")):
            duplicates = below.alike(event)
        if not duplicates and facts is not None:
            duplicates = read_below(event, below)
        twin = self._answers.twin(event, event.get("trace_id"), held, same_input=facts is not None)
        if twin is not None:
            duplicates = [*duplicates, twin]
        return self._twins_elsewhere.find(event, facts, duplicates)

    def _ask(self, event: EventDict, below: Below | None, facts: SpanFacts | None) -> Below:
        """Note that a call asked without being told what was used, unless the request is another instrumentation's."""
        if facts is not None and below is None and self._twins_elsewhere.find(event, facts, []):
            below = Below()
            below.asked += 1
        return _ask(event, below)

    def _hand_up(self, above: Any, below: Below) -> None:
        """Keep what was counted below a call for the one that called it."""
        waiting = self._below.pop(above, None)
        if waiting is None:
            waiting = below
        else:
            self._kept -= waiting.size
            waiting.add(below)
        self._below[above] = waiting
        self._kept += waiting.size
        while len(self._below) > self._limit or self._kept > _WAITED_FOR:
            self._kept -= self._below.pop(next(iter(self._below))).size


def _ask(event: EventDict, below: Below | None) -> Below:
    """Take the mark of a missing usage from a call whose requests are those below it; else note that it asked.

    A total that says how many requests it made, but not what they used, has those that were not seen below it. A call
    that failed may have failed in a request of its own, unless one below it did.
    """
    if below is not None and type(event.get("requests")) is int and (unseen := below.unseen(event)):
        event["requests"] = unseen
        below.asked += unseen
        return below
    if below is None or (outcome_of(event) != "ok" and not below.asked):
        below = below or Below()
        below.asked += event.get("requests") or 1
        return below
    event["usage_duplicate"] = True
    event.pop("usage_incomplete", None)
    flags = [flag for flag in event.pop("usage_flags", ()) if flag != _MISSING]
    if flags:
        event["usage_flags"] = flags
    return below
