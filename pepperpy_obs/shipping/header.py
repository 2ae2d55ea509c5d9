"""From a rendered line to the record that is spooled: its time and its id are read once, and fixed from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, Final

import msgspec

from pepperpy_obs import _clock
from pepperpy_obs.shipping.record import Record

__all__ = ["parse_header", "rfc3339"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Header(msgspec.Struct):
    timestamp: Any = None
    event_id: Any = None


_decode = msgspec.json.Decoder(_Header).decode


def parse_header(line: bytes) -> Record:
    r"""Return the record of one line of JSON.

    A line without a time happened now, one without an id gets one: a resend must be the same event for the receiver.

    >>> parse_header(b'{"timestamp":"1970-01-01T00:00:01.000002Z","event_id":"e1"}\n')
    Record(at=1000002000, id='e1', line=b'{"timestamp":"1970-01-01T00:00:01.000002Z","event_id":"e1"}')
    """
    line = line.rstrip(b"\n")
    try:
        stamp = _decode(line)
    except msgspec.DecodeError:
        # Our lines are JSON; the receiver's judge will have the last word on this one.
        stamp = _Header()
    event_id = stamp.event_id if isinstance(stamp.event_id, str) and stamp.event_id else token_hex(16)
    return Record(_nanoseconds(stamp.timestamp), event_id, line)


def _nanoseconds(timestamp: Any) -> int:
    try:
        since = datetime.fromisoformat(timestamp) - _EPOCH
    except (TypeError, ValueError):
        return _clock.time_ns()
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def rfc3339(at: int) -> str:
    """Return a record's time as our events write it.

    >>> rfc3339(1_000_002_000)
    '1970-01-01T00:00:01.000002Z'
    """
    return (_EPOCH + timedelta(microseconds=at // 1000)).isoformat(timespec="microseconds").replace("+00:00", "Z")
