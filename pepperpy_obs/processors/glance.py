"""A first look at lines: which tell of a usual call, of which only a few fields count?

Most do, and to read only these fields costs half of reading all. They are checked as `read` checks them; what does
not count is not looked at. Every other line is for `read`, which also knows what to say of a bad one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from pepperpy_obs.aggregate.tally import LONGEST
from pepperpy_obs.events import OPERATION_FINISHED, Kind, Outcome

__all__ = ["Glance", "glance"]


_Event = Literal["operation.finished", "usage.recorded", "cache.looked_up", "metric.recorded"]


class Glance(msgspec.Struct, gc=False):
    """What counts of a usual call; below, what makes a call unusual, whatever it says there."""

    # In the order of our lines, in which a decoder finds the next field without a search.
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    event: _Event
    operation: str | None = None
    kind: Kind | None = None
    outcome: Outcome = "error"
    duration_seconds: float = -1.0
    agent: str | None = None

    time_to_first_item_seconds: object = None
    provider: object = None
    model: object = None
    input_tokens: object = None
    output_tokens: object = None
    cost_source: object = None
    saved_usd: object = None
    over_budget: object = None
    cache: object = None


_DECODE: Final = msgspec.json.Decoder(Glance).decode


def glance(lines: Sequence[bytes]) -> list[Glance | None]:
    """Return what each line says of a usual call, None where it is something else.

    >>> usual = b'{"timestamp":"2026-11-23T20:53:46Z","event":"operation.finished","outcome":"ok","duration_seconds":1}'
    >>> glance([usual, b"{"])
    [Glance(timestamp=datetime.datetime(2026, ...), event='operation.finished', ...), None]
    """
    try:
        seen: list[Glance | None] = list(map(_DECODE, lines))
    except (msgspec.DecodeError, UnicodeDecodeError):
        seen = [_look(line) for line in lines]
    return [
        one
        if one is not None
        and one.event == OPERATION_FINISHED
        and one.outcome == "ok"
        and one.kind != "llm"
        and 0.0 <= one.duration_seconds < LONGEST
        and one.time_to_first_item_seconds is one.provider is one.model is one.input_tokens is None
        and one.output_tokens is one.cost_source is one.saved_usd is one.over_budget is one.cache is None
        else None
        for one in seen
    ]


def _look(line: bytes) -> Glance | None:
    try:
        return _DECODE(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
