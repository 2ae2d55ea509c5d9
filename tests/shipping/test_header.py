from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs import _clock
from pepperpy_obs.shipping.header import parse_header


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_the_time_is_exact(at: datetime) -> None:
    """To the microsecond: a float between would lose some."""
    text = at.replace(tzinfo=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    record = parse_header(f'{{"timestamp":"{text}","event_id":"a"}}\n'.encode())
    assert record.at % 1_000_000_000 == at.microsecond * 1000
    assert datetime.fromtimestamp(record.at // 1_000_000_000, UTC).replace(tzinfo=None) == at.replace(microsecond=0)


@pytest.mark.parametrize("line", [b"{}", b'{"timestamp":5,"event_id":7}', b'{"timestamp":"soon"}', b"no json", b""])
def test_what_is_missing_is_made_up_once(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is now, the id is new; the line stays what it was."""
    monkeypatch.setattr(_clock, "time_ns", lambda: 42)
    record, other = parse_header(line), parse_header(line)
    assert (record.at, record.line) == (42, line)
    assert len(record.id) == 32
    assert record.id != other.id
    assert time.time_ns() > 42
