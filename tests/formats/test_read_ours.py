"""Reading for the statistics only: quicker, and never different."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from pepperpy_obs.events import FIELDS, VOCABULARY
from pepperpy_obs.formats.read import read_event, read_ours

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["NaN", "-Infinity", "1e5", "0.10", "operation.finished"]),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.one_of(st.text(max_size=3), st.floats(0, 9), st.just("0.5")), max_size=2),
)
_EVENTS = st.dictionaries(
    st.sampled_from([*(field.name for field in FIELDS), "who", "@timestamp"]), _VALUES, max_size=8
)


def _tried(read: Any, line: bytes) -> Any:
    try:
        event = read(line)
    except ValueError as error:
        return str(error)
    return {name: (type(value), value) for name, value in event.items() if name in VOCABULARY}


@given(_EVENTS)
@example({"event": "operation.finished", "input_tokens": 12.0, "duration_seconds": 3})
@example({"event": "operation.finished", "input_tokens": True})
@example({"event": "usage.recorded", "cost_usd": 0.1, "cost_by_type": {"input": "0.1"}})
@example({"event": "usage.recorded", "cost_by_type": {"input": "NaN"}})
@example({"event": "usage.recorded", "usage_entries": [{"input_tokens": 1, "usage_units": {"pages": "1"}}]})
@example({"event": "usage.recorded", "usage_entries": ["one"]})
def test_it_reads_of_our_fields_what_reading_an_event_does(event: dict[str, Any]) -> None:
    """Same fields, same values of the same types, same complaints."""
    line = json.dumps(event).encode()

    assert _tried(read_ours, line) == _tried(read_event, line)


def test_lines_of_other_forms_are_read_as_well() -> None:
    """ECS, a byte order mark, and what is no JSON go the long way."""
    ecs = (
        b'{"@timestamp": "2023-11-16T18:17:03.979960Z", "event": {"action": "operation.finished"}, "ecs.version": "9"}'
    )
    lines = [ecs, b'\xef\xbb\xbf{"event": "operation.finished"}', b"no JSON", b"[]", b"\xff"]

    assert [_tried(read_ours, line) for line in lines] == [_tried(read_event, line) for line in lines]


def test_the_requests_of_an_aggregate_come_back() -> None:
    """An event that tells of several requests, each with its usage, is none to be refused."""
    entries = [{"input_tokens": 1, "output_tokens": 2, "usage_units": {"pages": "1"}}]
    event = {"event": "usage.recorded", "usage_entries": entries}

    assert read_ours(json.dumps(event).encode()) == read_event(json.dumps(event)) == event
