from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.processors import Truncator


class Color(Enum):
    RED = "red"


class Word(StrEnum):
    YES = "yes"


class Rank(IntEnum):
    FIRST = 1


class Point(NamedTuple):
    x: int
    y: float


@dataclass
class Answer:
    text: str
    parts: list[object]
    key: str = field(default="hidden", repr=False)


class Model(BaseModel):
    name: str = "n"
    token: SecretStr = SecretStr("hidden")
    key: str = Field(default="hidden", repr=False)


class Struct(msgspec.Struct):
    a: int


class Hostile:
    """What everything that anybody might ask of it raises."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


class HostileDict(dict[str, object]):
    """A dict whose items cannot be had."""

    def items(self) -> NoReturn:
        """Fail."""
        raise RuntimeError


class Endless(list[int]):
    """A list whose iteration does not end."""

    def __iter__(self) -> Any:
        return iter(int, 1)


OBJECTS = st.one_of(
    st.sampled_from([object(), HostileDict(a=1), Endless(), Color.RED, Word.YES, Rank.FIRST, Answer("a", [])]),
    st.builds(Model),
    st.builds(Point, st.integers(), st.floats()),
    st.binary(max_size=3),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.decimals(),
    st.fractions(),
    st.complex_numbers(),
    st.sets(st.integers(), max_size=3),
    st.integers(-(2**100), 2**100),
    st.floats(),
    st.text(st.characters(categories=["Cs", "L", "P"]), max_size=60),
    st.none() | st.booleans(),
)
ANYTHING = st.recursive(
    OBJECTS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3) | st.integers() | st.none(), inner, max_size=4),
    ),
    max_leaves=8,
)
EVENTS = st.dictionaries(st.text(min_size=1, max_size=5), ANYTHING, max_size=3).map(
    lambda fields: fields | {"event": "e"}
)


def strictly(line: bytes) -> dict[str, Any]:
    """Parse a line as a reader does that knows no NaN."""

    def fail(constant: str) -> NoReturn:
        raise AssertionError(constant)

    parsed: dict[str, Any] = json.loads(line, parse_constant=fail)
    return parsed


def texts(value: object) -> list[str]:
    """Return all text in a value, names included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def bounded(value: object, **limits: Any) -> object:
    """Return what becomes of the value of one field."""
    return Truncator(**limits)(None, "info", {"event": "e", "field": value}).get("field", "(left out)")


class TestValues:
    @pytest.mark.parametrize(
        "value, plain",
        [
            ("text", "text"),
            (True, True),
            (None, None),
            (0.5, 0.5),
            (2**63 - 1, 2**63 - 1),
            (2**63, "9223372036854775808"),
            (1 << 5000, "<int of 5001 bits>"),
            (float("nan"), "(left out)"),
            (float("-inf"), "(left out)"),
            (Decimal("1.10"), Decimal("1.10")),
            (Decimal("NaN"), "(left out)"),
            ([1, float("nan")], [1, None]),
            ({"a": float("inf"), "b": 1}, {"b": 1}),
            ({1: "a", None: "b", Color.RED: "c", float("inf"): "d"}, {"1": "a", "None": "b", "red": "c", "NaN": "d"}),
            (b"\xff\x00", "<2 bytes>"),
            (bytearray(b"abc"), "<3 bytes>"),
            ({3, 1, 2}, [1, 2, 3]),
            (deque([1]), [1]),
            ((1, "a"), [1, "a"]),
            (datetime(2026, 11, 23, 19, tzinfo=UTC), "2026-11-23T19:00:00+00:00"),
            (date(2026, 11, 23), "2026-11-23"),
            (timedelta(minutes=1), 60.0),
            (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
            (PurePosixPath("/a"), "/a"),
            (Fraction(1, 2), 0.5),
            (Color.RED, "red"),
            (Word.YES, "yes"),
            (Rank.FIRST, 1),
            (Point(1, 2.0), {"x": 1, "y": 2.0}),
            (MappingProxyType({"a": 1}), {"a": 1}),
            (Answer("t", [Color.RED]), {"text": "t", "parts": ["red"]}),
            (Model(), {"name": "n", "token": "<SecretStr>"}),
            (Struct(1), {"a": 1}),
            (Answer, "Answer"),
            (len, "len"),
            (ValueError("a prompt"), "<ValueError>"),
            (iter([1]), "<list_iterator>"),
            (1j, "<complex>"),
            (Hostile(), "<Hostile>"),
            (HostileDict(), "<HostileDict>"),
            ("a\ud800b", "a\ufffdb"),
            ("\ud83d\ude00", "\U0001f600"),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_made_plain(self, value: object, plain: object) -> None:
        """Each kind of value becomes what JSON can say, of the exact type; objects are only named."""
        found = bounded(value)

        assert (found, type(found)) == (plain, type(plain))

    def test_iterators_are_not_consumed(self) -> None:
        """An iterator that is logged is still whole."""
        numbers = iter([1, 2])
        bounded([numbers])

        assert list(numbers) == [1, 2]

    def test_nested_values_of_the_user_are_left_as_they_are(self) -> None:
        """What the application logged is copied, not changed."""
        mine = {"a": [float("nan"), b"x"]}
        bounded(mine)

        assert mine == {"a": [mine["a"][0], b"x"]}


class TestLimits:
    @pytest.mark.parametrize(
        "value, limits, cut",
        [
            ("x" * 17, {"max_length": 16}, "x" * 15 + "…"),
            (["x" * 10] * 3, {"max_length": 16}, ["x" * 10, "x" * 5 + "…"]),
            (list(range(10)), {"max_values": 4}, [0, 1, 2]),
            ({"a": {"b": {"c": 1}}}, {"max_depth": 2}, {"a": {"b": "<dict>"}}),
            ("\U0001f600" * 17, {"max_length": 16}, "\U0001f600" * 15 + "…"),
            (Endless(), {"max_values": 3}, [0, 0]),
        ],
    )
    def test_of_one_field(self, value: object, limits: dict[str, int], cut: object) -> None:
        """Length counts all text of a field, values all that is nested, depth the levels."""
        assert bounded(value, **limits) == cut

    def test_a_list_within_itself(self) -> None:
        """A cycle ends at the depth limit."""
        cycle: list[object] = []
        cycle.append(cycle)

        assert bounded(cycle, max_depth=3) == [[["<list>"]]]

    def test_of_an_event(self) -> None:
        """At most 128 fields of the user's are kept, and all of our own; a long name is cut."""
        event = {"event": "operation.finished", **{f"f{n}": n for n in range(200)}, "operation": "op", "k" * 200: 1}
        found = Truncator()(None, "info", event)

        assert list(found) == ["event", *(f"f{n}" for n in range(128)), "operation"]
        assert list(Truncator()(None, "info", {"k" * 200: 1})) == ["k" * 127 + "…"]

    def test_text_of_ours(self) -> None:
        """Text of ours that users and providers write is bounded, too."""
        event = {"event": "operation.finished", "operation": "o" * 20, "model": object(), "input_tokens": 3}

        assert Truncator(max_length=16)(None, "info", event) == {
            "event": "operation.finished",
            "operation": "o" * 15 + "…",
            "model": "<object>",
            "input_tokens": 3,
        }


class TestLaws:
    @given(EVENTS)
    def test_total_and_strict(self, event: dict[str, Any]) -> None:
        """Any event whatsoever comes out as strict JSON without help, each field within its bounds."""
        found = Truncator(max_length=50)(None, "info", dict(event))

        line = msgspec.json.encode(found)
        assert strictly(line).keys() == found.keys()
        assert all(sum(map(len, texts(field))) <= 50 for field in found.values())

    @given(EVENTS)
    def test_idempotent(self, event: dict[str, Any]) -> None:
        """What is in order is not changed."""
        bound = Truncator(max_length=50, max_values=10, max_depth=3)
        once = dict(bound(None, "info", dict(event)))

        assert bound(None, "info", dict(once)) == once

    @given(EVENTS)
    def test_lines_need_no_bound(self, event: dict[str, Any]) -> None:
        """JSON lines are strict for events that no link has seen, whatever else is in the batch."""
        parsed = [strictly(line) for line in b"".join(json_lines([event, {"event": "x"}])).splitlines()]

        assert len(parsed) == 2
        assert parsed[1] == {"event": "x"}
