"""One request that several instrumentations tell of, in spans that neither an id nor a parent ties together."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from pepperpy_obs._event import AT
from pepperpy_obs._record import PRICED, SpanFacts
from pepperpy_obs.processors.below import Below, plain_names
from pepperpy_obs.typing import EventDict

__all__ = ["Twins", "read_below"]

_REMEMBERED: Final = 256
_OURS: Final = "pepperpy_obs"
_BEFORE: Final = 2_000_000
"""ns by which a span may begin before the one around it: two clocks were read."""
_AFTER: Final = 2_000_000_000
"""ns by which it may end later: a callback tells of the end when it is at leisure."""


class _Request:
    """A request that was counted, and the instrumentations that have told of it."""

    __slots__ = ("end", "models", "priced", "scopes", "start", "tokens")

    def __init__(self, facts: SpanFacts, event: EventDict) -> None:
        self.scopes = {facts.scope}
        self.start, self.end = facts.start, facts.end
        self.models = _models(event)
        self.tokens = event.get("input_tokens"), event.get("output_tokens")
        self.priced = PRICED in event

    def may_be(self, facts: SpanFacts, event: EventDict) -> bool:
        """Tell whether a span of another instrumentation tells of the same request."""
        if facts.scope in self.scopes or not _alike(self.tokens, event):
            return False
        models = _models(event)
        if self.models and models and self.models.isdisjoint(models):
            return False
        return _within(self.start, self.end, facts.start, facts.end) or _within(
            facts.start, facts.end, self.start, self.end
        )


class Twins:
    """Remembers the latest requests of spans by their times, models and tokens.

    Does nothing before the first span came. Two equal calls at the same time, by instrumentations of which neither
    saw the other's, are taken for one.
    """

    def __init__(self) -> None:
        self._latest: deque[_Request] = deque(maxlen=_REMEMBERED)
        self._on = False

    def find(self, event: EventDict, facts: SpanFacts | None, known: list[bool]) -> list[bool]:
        """Return `known`, or whether it was priced then if another instrumentation has told of the same request."""
        if facts is None:
            if self._on and not known:
                self._latest.append(_Request(_own(event), event))
            return known
        self._on = True
        if event.get("kind") not in {"llm", None}:
            return known
        for one in reversed(self._latest):
            if one.may_be(facts, event):
                one.scopes.add(facts.scope)
                return known or [one.priced]
        if not known:
            self._latest.append(_Request(facts, event))
        return known


def read_below(event: EventDict, below: Below) -> list[bool]:
    """Return of the requests below a span that repeats their usage whether they were priced.

    So does every span of an agent, a task or a tool. One of a request is another instrumentation's of the same.
    """
    if event.get("kind") == "llm":
        return below.alike(event)
    return [one.priced for one in below.requests[:1]]


def _alike(tokens: tuple[Any, Any], event: EventDict) -> bool:
    """Tell whether counts may be of one request: early closed streams are told their output by some only."""
    read, written = event.get("input_tokens"), event.get("output_tokens")
    if read is None and written is None:
        return True
    return tokens[0] == read and (tokens[1] == written or tokens[1] is None or written is None)


def _within(start: int, end: int, inner_start: int, inner_end: int) -> bool:
    return start - _BEFORE <= inner_start < end and inner_end <= end + _AFTER


def _own(event: EventDict) -> SpanFacts:
    end = int(event.get(AT) or 0)
    return SpanFacts(_OURS, end - round(float(event.get("duration_seconds") or 0) * 1e9), end)


def _models(event: EventDict) -> frozenset[str]:
    return plain_names(event.get("model"), event.get("response_model"))
