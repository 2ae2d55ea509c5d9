"""The laws that hold for both forms of a line, there and back."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.events import FIELDS, KINDS, LEVELS, OUTCOMES
from pepperpy_obs.formats.ecs import ECS_PATHS, ecs_lines
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.formats.read import from_json, read_event
from pepperpy_obs.processors import render_ecs, render_json
from pepperpy_obs.sanitize.map_fields import OUR_EVENTS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MONEY = st.decimals(allow_nan=False, allow_infinity=False)
BY_TYPE = {
    "string": TEXT,
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "integer": st.integers(0, 2**63),
    "boolean": st.booleans(),
    "decimal": MONEY,
    "list": st.lists(TEXT, max_size=3),
    "object": st.dictionaries(TEXT, TEXT, max_size=3),
    "objects": st.lists(st.dictionaries(TEXT, TEXT, max_size=3), max_size=3),
}
FIXED = {
    "event": st.sampled_from(sorted(OUR_EVENTS)),
    "timestamp": st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='microseconds')}Z"),
    "level": st.sampled_from(LEVELS),
    "kind": st.sampled_from(KINDS),
    "outcome": st.sampled_from(OUTCOMES),
    "duration_seconds": st.integers(0, 10**15).map(lambda ns: ns / 1e9),
    "cost_by_type": st.dictionaries(TEXT, MONEY, max_size=3),
}
OPTIONAL = {field.name: FIXED.get(field.name, BY_TYPE[field.type]) for field in FIELDS}
EVENTS = st.fixed_dictionaries(
    {"event": OPTIONAL.pop("event"), "timestamp": OPTIONAL.pop("timestamp")}, optional=OPTIONAL
)
USERS = st.dictionaries(
    TEXT.filter(lambda name: name not in ECS_PATHS),
    st.one_of(TEXT, st.integers(-(2**63), 2**63), st.booleans(), st.lists(TEXT, max_size=2)),
    max_size=3,
)


def exact(value: object) -> object:
    """Return a value in which equal numbers of different type or precision differ."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    return (type(value), str(value)) if isinstance(value, Decimal | int | float) else value


def amounts(value: object) -> object:
    """Return a value as `exact` does, but for money, of which ECS keeps the amount and no trailing zeros."""
    if isinstance(value, dict):
        return {name: amounts(item) for name, item in value.items()}
    return (Decimal, value.normalize()) if isinstance(value, Decimal) else exact(value)


def strictly(line: bytes) -> dict[str, Any]:
    """Parse a line as a reader does that knows no NaN."""

    def fail(constant: str) -> NoReturn:
        raise AssertionError(constant)

    parsed: dict[str, Any] = json.loads(line, parse_constant=fail)
    return parsed


class TestJSON:
    @given(EVENTS, USERS)
    def test_law_there_and_back(self, event: dict[str, Any], users: dict[str, Any]) -> None:
        """An event read from its line is the event, money and whole numbers exactly, the user's fields included."""
        (line,) = b"".join(json_lines([event | users])).splitlines()

        assert exact(read_event(line)) == exact(event | users)
        assert exact(read_event(render_json(None, "info", event | users))) == exact(event | users)
        assert strictly(line).keys() == (event | users).keys()


class TestECS:
    @given(EVENTS)
    def test_law_there_and_back(self, event: dict[str, Any]) -> None:
        """An event read from its ECS line is the event, amounts of money, whole numbers and durations exactly."""
        (line,) = b"".join(ecs_lines([event])).splitlines()

        assert amounts(read_event(line)) == amounts(event)
        assert amounts(read_event(render_ecs(None, "info", dict(event)))) == amounts(event)

    @given(EVENTS, USERS)
    def test_law_no_field_of_the_users_hides_one_of_ours(self, event: dict[str, Any], users: dict[str, Any]) -> None:
        """Whatever users call their fields, ours come back, and each of theirs is there as text."""
        (line,) = b"".join(ecs_lines([users | event])).splitlines()
        found = read_event(line)
        labels = strictly(line).get("labels", {})

        assert amounts({name: found[name] for name in event}) == amounts(event)
        assert len(found) == len(event) + len(users)
        assert all(type(label) is str for label in labels.values())

    @given(EVENTS)
    def test_law_dotted_is_nested(self, event: dict[str, Any]) -> None:
        """A document whose names somebody has dotted, or nested, reads the same."""
        document = strictly(ecs_lines([event])[0])
        dotted = {"@timestamp": document.pop("@timestamp")}
        for group, inner in document.items():
            dotted |= (
                {f"{group}.{name}": item for name, item in inner.items()} if isinstance(inner, dict) else {group: inner}
            )
        nested = document | {"ecs": {"version": document["ecs.version"]}}
        del nested["ecs.version"]
        if "log.level" in document:
            nested["log"] = {"level": nested.pop("log.level")}

        assert amounts(read_event(json.dumps(dotted))) == amounts(event)
        assert amounts(read_event(json.dumps(nested | {"@timestamp": dotted["@timestamp"]}))) == amounts(event)

    def test_every_field_has_its_own_place(self) -> None:
        """No two fields of ours share an ECS name."""
        assert len(set(ECS_PATHS.values())) == len(ECS_PATHS)


class TestWrongLines:
    @pytest.mark.parametrize(
        "line, reason",
        [
            (b"", "not JSON"),
            (b"2026-11-23 plain text", "not JSON"),
            (b'{"event": "torn', "not JSON"),
            (b'{"a": NaN}', "not JSON"),
            (b'"\xff"', "not JSON"),
            (b"[1]", r"not an event: \[1\]; an event is a JSON object"),
            (b"12", "not an event: 12; an event is a JSON object"),
            (b'{"input_tokens": "many"}', "not an event: input_tokens is 'many'; it is a JSON integer"),
            (b'{"input_tokens": 1.5}', "input_tokens is 1.5"),
            (b'{"input_tokens": true}', "input_tokens is True"),
            (b'{"duration_seconds": "1"}', "duration_seconds is '1'"),
            (b'{"duration_seconds": 1e999}', "not JSON: Number out of range"),
            (b'{"cost_usd": "free"}', "cost_usd is 'free'"),
            (b'{"cost_usd": "NaN"}', "cost_usd is 'NaN'"),
            (b'{"cost_by_type": {"input": []}}', "cost_by_type is"),
            (b'{"cache_hit": 1}', "cache_hit is 1"),
            (b'{"operation": {"a": 1}}', "operation is"),
            (b'{"labels": "a"}', "labels is 'a'"),
            (b'{"usage_flags": [1]}', "usage_flags is"),
            (b'{"usage_flags": "a"}', "usage_flags is 'a'"),
            (b'{"@timestamp": "t", "event": {"duration": "long"}}', "event.duration is 'long'"),
        ],
    )
    def test_say_what_is_wrong(self, line: bytes, reason: str) -> None:
        """A line that is no event raises an error that says why."""
        with pytest.raises(ValueError, match=reason):
            read_event(line)

    def test_what_a_lax_parser_lets_through(self) -> None:
        """A number that is none is refused, too."""
        with pytest.raises(ValueError, match="duration_seconds is nan; it is a JSON number"):
            from_json({"duration_seconds": float("nan")})

    def test_a_long_value_is_not_repeated(self) -> None:
        """An error does not repeat a megabyte."""
        with pytest.raises(ValueError, match="not an event") as caught:
            read_event(json.dumps({"input_tokens": "9" * 1_000_000}))

        assert len(str(caught.value)) < 200

    @given(st.binary(max_size=40) | st.text(max_size=40))
    def test_law_an_event_or_an_error(self, line: bytes | str) -> None:
        """Any line is an event or a ValueError."""
        with suppress(ValueError):
            assert isinstance(read_event(line), dict)


class TestWhatOthersDo:
    @pytest.mark.parametrize(
        "line, event",
        [
            (b'\xef\xbb\xbf{"event": "e"}', {"event": "e"}),
            (b'{"event": "e", "agent": null}', {"event": "e"}),
            (b'{"event": "e", "input_tokens": 12.0}', {"event": "e", "input_tokens": 12}),
            (b'{"event": "e", "duration_seconds": 1}', {"event": "e", "duration_seconds": 1.0}),
            (b'{"event": "e", "cost_usd": 0.1}', {"event": "e", "cost_usd": Decimal("0.1")}),
            (
                b'{"@timestamp": "t", "message": "came", "host": {"name": "h"}, "labels": {"who": "ann"}}',
                {"timestamp": "t", "event": "came", "who": "ann"},
            ),
            (
                b'{"@timestamp": "t", "event": {"action": "operation.finished", "outcome": "failure", "duration": 5}}',
                {"timestamp": "t", "event": "operation.finished", "outcome": "error", "duration_seconds": 5e-9},
            ),
        ],
    )
    def test_to_lines_on_their_way(self, line: bytes, event: dict[str, Any]) -> None:
        """Byte order marks, nulls, numbers as JavaScript writes them, and what shippers add do no harm."""
        assert exact(read_event(line)) == exact(event)
