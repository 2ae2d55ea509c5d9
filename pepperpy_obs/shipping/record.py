"""What the spool holds: one event's bytes, its time and its id, framed so that a torn or damaged tail is seen.

A frame is the length of its body and the CRC-32 of its body (both unsigned 32 bit, little endian), then the body:
the time (signed 64 bit), the length of the id (8 bit), the id, the line. Nothing in here touches a file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

__all__ = ["MOST_BODY", "Record", "frames", "needed", "scan", "size"]

_HEAD = struct.Struct("<II")
_FACTS = struct.Struct("<qB")

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
        body = b"".join((_FACTS.pack(at, len(key)), key, line))
        parts += (_HEAD.pack(len(body), crc32(body)), body)
    return b"".join(parts)


def size(record: Record) -> int:
    """Return how many bytes the record's frame has (an id of other than ASCII letters may have a few more)."""
    return _HEAD.size + _FACTS.size + len(record.id) + len(record.line)


def scan(data: bytes | memoryview, start: int = 0) -> Iterator[tuple[Record, int]]:
    """Yield each whole record from `start` on with the offset behind it; stop at the first torn or damaged frame.

    A run of zero bytes, as a power cut may leave behind, is damage: a body is never shorter than its facts.
    """
    view = memoryview(data)
    end = len(view)
    while start + _HEAD.size + _FACTS.size <= end:
        length, check = _HEAD.unpack_from(view, start)
        first = start + _HEAD.size
        start = first + length
        if not _FACTS.size <= length <= MOST_BODY or start > end:
            return
        body = bytes(view[first:start])
        if crc32(body) != check:
            return
        at, key = _FACTS.unpack_from(body)
        line = _FACTS.size + key
        yield Record(at, body[_FACTS.size : line].decode(errors="replace"), body[line:]), start


def needed(head: bytes | memoryview) -> int:
    """Return how many bytes the frame that starts with `head` has, 0 when that cannot be told from it."""
    return _HEAD.size + _HEAD.unpack_from(head)[0] if len(head) >= _HEAD.size else 0
