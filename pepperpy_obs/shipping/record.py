"""What the spool holds: one event's bytes, its time and its id, framed so that a torn or damaged tail is seen.

A frame is the length of its body and the CRC-32 of its body (both unsigned 32 bit, little endian), then the body:
the time (signed 64 bit), the length of the id (8 bit), the id, the line. Nothing in here touches a file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

__all__ = ["MOST_BODY", "Record", "frames", "needed", "past_damage", "scan"]

_HEAD = struct.Struct("<II")
_FACTS = struct.Struct("<qB")
_FRAME = struct.Struct("<IIqB")

MOST_BODY = 64 * 1024 * 1024
"""A longer body is taken for damage: it would be read into memory at once."""


class Record(NamedTuple):
    """One event as it was rendered; a retry sends the same bytes again, whatever the clock says by then."""

    at: int
    """When it happened, nanoseconds since the epoch."""
    id: str
    """At most 255 bytes of UTF-8: `event.id`, and the `_id` by which Elasticsearch knows a resent event."""
    line: bytes
    """The event as one line of JSON, without its newline."""


def frames(records: Iterable[Record]) -> bytes:
    r"""Return the records as frames, end to end.

    >>> [record for record, _ in scan(frames([Record(1, "a", b"{}"), Record(2, "b", b"[]")]))]
    [Record(at=1, id='a', line=b'{}'), Record(at=2, id='b', line=b'[]')]
    """
    parts: list[bytes] = []
    for at, name, line in records:
        key = name.encode(errors="replace")[:255]
        body = _FACTS.pack(at, len(key)) + key + line
        parts += (_HEAD.pack(len(body), crc32(body)), body)
    return b"".join(parts)


def scan(data: bytes, start: int = 0) -> list[tuple[Record, int]]:
    """Return each whole record from `start` on with the offset behind it; stop at the first torn or damaged frame.

    A run of zero bytes, as a power cut may leave behind, is damage: a body is never shorter than its facts.
    """
    found: list[tuple[Record, int]] = []
    end = len(data)
    while start + _FRAME.size <= end:
        length, check, at, key = _FRAME.unpack_from(data, start)
        first = start + _HEAD.size
        start = first + length
        if not _FACTS.size <= length <= MOST_BODY or start > end or crc32(data[first:start]) != check:
            break
        line = first + _FACTS.size + key
        name = data[line - key : line].decode(errors="replace")
        # Half of the time would go into Record's own constructor.
        found.append((tuple.__new__(Record, (at, name, data[line:start])), start))
    return found


def needed(head: bytes) -> int:
    """Return how many bytes the frame that starts with `head` has, 0 when that cannot be told from it."""
    return _HEAD.size + _HEAD.unpack_from(head)[0] if len(head) >= _HEAD.size else 0


def past_damage(data: bytes) -> tuple[int, int]:
    """Return where the next whole frame starts behind damaged ones, and how many those are; zeros if none does.

    The lengths of damaged frames are believed if they lead to a whole one.
    """
    start = count = 0
    while start + _FRAME.size <= len(data):
        length, check, *_ = _FRAME.unpack_from(data, start)
        body = data[start + _HEAD.size : start + _HEAD.size + length] if length <= MOST_BODY else b""
        if not _FACTS.size <= len(body) == length:
            break
        if crc32(body) == check:
            return start, count
        start += _HEAD.size + length
        count += 1
    return 0, 0
