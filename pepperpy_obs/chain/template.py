"""A line of which only times and ids are still to be filled in.

It is split from a line that the chain and a format have made of a sample event, whose times and ids nothing else
can contain: so it says what they would say, and no rule of theirs stands here again. Filling one in takes a
fifth of the time of making an event and encoding it.
"""

from __future__ import annotations

import os
import re
from typing import Final, NamedTuple

from pepperpy_obs._event import Writer
from pepperpy_obs._record import Record, Spec
from pepperpy_obs.typing import EventDict

__all__ = ["PLACES", "Template", "sample_event", "split"]

_TRACE, _SPAN, _PARENT, _MARK = (os.urandom(size).hex() for size in (16, 8, 8, 8))
_STAMP: Final = "2001-02-03T04:05:06.789012Z"
_TOOK: Final = 123_456_789

PLACES: Final = ("timestamp", "event_id", "took", "trace_id", "span_id", "parent_span_id")
"""What is filled in, in this order; the last one only in the line of a call that has a caller."""

_SAMPLE: Final = re.compile(
    rf"(?P<timestamp>{re.escape(_STAMP[:-1])})|(?P<event_id>{_MARK}{_SPAN})|(?P<took>(?:0\.)?{_TOOK})"
    rf"|(?P<trace_id>{_TRACE})|(?P<span_id>{_SPAN})|(?P<parent_span_id>{_PARENT})"
)


class Template(NamedTuple):
    """The pieces of text before, between and behind the places."""

    in_ns: bool
    """Whether the line says in ns how long a call took (ECS), and not in seconds."""
    before: str
    after_time: str
    after_id: str
    after_took: str
    after_trace: str
    after_span: str
    after_parent: str


def sample_event(writer: Writer, spec: Spec, agent: str | None, *, has_parent: bool) -> EventDict | None:
    """Return the event of a call that never was."""
    record: Record = [spec, (_TRACE, _SPAN, _PARENT if has_parent else None, agent, None), 0, _TOOK, None, None]
    mark, writer.mark = writer.mark, _MARK
    try:
        event = writer.event(record)
    finally:
        writer.mark = mark
    if event is not None:
        event["timestamp"] = _STAMP
    return event


def split(line: str, *, has_parent: bool) -> Template | None:
    """Return the template of the sample event's line; None if its places are not those of `PLACES`, each once."""
    found = list(_SAMPLE.finditer(line))
    if [match.lastgroup for match in found] != list(PLACES if has_parent else PLACES[:-1]):
        return None
    ends = [0, *(match.end() for match in found)]
    starts = [*(match.start() for match in found), len(line)]
    pieces = [line[end:start] for end, start in zip(ends, starts, strict=True)]
    if not has_parent:
        pieces.append("")
    return Template(found[2].group() == str(_TOOK), *pieces)
