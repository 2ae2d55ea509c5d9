from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import FIELDS
from pepperpy_obs.processors import Redactor, Truncator
from pepperpy_obs.sanitize import map_fields
from pepperpy_obs.sanitize.map_fields import MapFields

pytestmark = pytest.mark.hostile

KEY = "sk-" + "abcdefgh12345678"

TEXT = st.sampled_from(["a", KEY, f"x {KEY} y", "password=p", "token", "authorization", "apiKey", "n", "db://u:p@h"])
PLAIN = st.recursive(
    TEXT | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.dictionaries(TEXT, PLAIN, max_size=4)


def texts(value: object) -> list[str]:
    """Return all text in a value, names included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


class TestFields:
    def test_by_name_and_by_looks(self) -> None:
        """Named fields and secret-looking text are replaced at any depth; everything else stays."""
        event = {
            "event": f"used {KEY}",
            "password": 12345,
            "headers": {"X-Api-Key": "plain", "Accept": "*/*"},
            "tries": [{"note": f"{KEY}!"}, {"token": ["a", "b"]}, (KEY, 1)],
            KEY: "a secret as a name",
            "token": None,
            "secret": False,
        }

        assert Redactor()(None, "info", event) == {
            "event": "used [redacted]",
            "password": "[redacted]",
            "headers": {"X-Api-Key": "[redacted]", "Accept": "*/*"},
            "tries": [{"note": "[redacted]!"}, {"token": "[redacted]"}, ["[redacted]", 1]],
            "[redacted]": "a secret as a name",
            "token": None,
            "secret": False,
        }

    @pytest.mark.parametrize(
        "value, redacted",
        [
            ([("Authorization", "Bearer x"), ("Accept", "*/*")], [["Authorization", "[redacted]"], ["Accept", "*/*"]]),
            (("x-api-key", "x"), ["x-api-key", "[redacted]"]),
            ([{"name": "Authorization", "value": "x"}], [{"name": "Authorization", "value": "[redacted]"}]),
            ({"key": "db_pass", "values": ["a", "b"]}, {"key": "db_pass", "values": "[redacted]"}),
            ([{"name": "Accept", "value": "x"}], [{"name": "Accept", "value": "x"}]),
            (["ask", "--api-key", "x", "--model", "y"], ["ask", "--api-key", "[redacted]", "--model", "y"]),
            (["Authorization", "x", "Accept", "*/*"], ["Authorization", "[redacted]", "Accept", "*/*"]),
            (["token", "auth", "x"], ["token", "auth", "x"]),
            ({"openai_key": "x", "cache_key": "y"}, {"openai_key": "[redacted]", "cache_key": "y"}),
            ({"token": 12, "pass": 3, "pwd": 4}, {"token": 12, "pass": 3, "pwd": "[redacted]"}),
            ("postgres://me:x@db", "postgres://[redacted]@db"),
        ],
    )
    def test_pairs_and_options(self, value: object, redacted: object) -> None:
        """The name of a secret may stand beside it: in a pair, in a header's dict, in the options of a command."""
        assert Redactor()(None, "info", {"event": "e", "x": value})["x"] == redacted

    def test_what_the_user_nested_is_copied(self) -> None:
        """The application's own dict keeps its secret: it may need it."""
        mine = {"token": "t", "inner": [KEY]}
        Redactor()(None, "info", {"event": "e", "mine": mine})

        assert mine == {"token": "t", "inner": [KEY]}

    def test_numbers_and_ids_of_ours(self) -> None:
        """No field of ours is taken for a secret, whatever its name; ids are not even searched."""
        values: dict[str, Any] = {"string": "x", "number": 0.5, "integer": 3, "boolean": True}
        values |= {"decimal": Decimal("0.1"), "list": ["a"], "object": {"a": "b"}, "objects": [{"a": 1}]}
        event = {field.name: values[field.type] for field in FIELDS} | {"event": "operation.finished"}
        event["response_id"] = KEY

        assert Redactor()(None, "info", dict(event)) == event

    def test_text_of_ours(self) -> None:
        """Names that users and providers give are searched as any text is."""
        event = {"event": "operation.finished", "operation": f"GET /?token={KEY}", "labels": {"user": KEY}}

        assert Redactor()(None, "info", event) == {
            "event": "operation.finished",
            "operation": "GET /?token=[redacted]",
            "labels": {"user": "[redacted]"},
        }

    def test_remembered_text_is_still_judged_by_its_name(self) -> None:
        """A text that was harmless under one name is redacted under another, and after the other's name was seen."""
        redact = Redactor()
        for _ in range(2):
            assert redact(None, "info", {"event": "e", "user": "abc"})["user"] == "abc"
            assert redact(None, "info", {"event": "e", "user": "abc", "pwd": None})["pwd"] is None
            assert redact(None, "info", {"event": "e", "user": "abc", "pwd": "abc"})["pwd"] == "[redacted]"


class TestOptions:
    def test_keys(self) -> None:
        """Further names are redacted in any spelling, text of ours included, and nested ones."""
        redact = Redactor(keys=["customerName", "agent"])
        event = {"event": "operation.finished", "agent": "a", "Customer-Name": 1, "x": {"customer_name": [2]}}

        assert redact(None, "info", event) == {
            "event": "operation.finished",
            "agent": "[redacted]",
            "Customer-Name": "[redacted]",
            "x": {"customer_name": "[redacted]"},
        }

    def test_values_off(self) -> None:
        """Without the search, names alone decide."""
        event = {"event": KEY, "password": "p", "x": {"token": "t", "y": KEY}}

        assert Redactor(values=False)(None, "info", event) == {
            "event": KEY,
            "password": "[redacted]",
            "x": {"token": "[redacted]", "y": KEY},
        }

    @pytest.mark.parametrize("name", ["timestamp", "event", "trace_id", "cost_usd"])
    def test_keys_without_which_an_event_is_none(self, name: str) -> None:
        """Numbers, ids and times of ours cannot be redacted: the log could not be read back."""
        with pytest.raises(SetupError, match=rf"redact_keys names \['{name}'\].*name fields of your own"):
            Redactor(keys=[name])


class TestLaws:
    @given(EVENTS)
    def test_idempotent(self, event: dict[str, Any]) -> None:
        """Redacting twice changes nothing more."""
        once = dict(Redactor()(None, "info", event))

        assert Redactor()(None, "info", dict(once)) == once

    @given(EVENTS)
    def test_no_key_gets_through(self, event: dict[str, Any]) -> None:
        """No text of an event holds the key afterwards, names included."""
        found = Redactor()(None, "info", event)

        assert not [text for text in texts(dict(found)) if KEY in text]

    @given(
        st.sampled_from([KEY, f"password='{KEY}'", f"db://me:{KEY}@h", f"Bearer {KEY}", f"('auth', '{KEY}')"]),
        st.text("ab ,:é", max_size=40),
        st.integers(0, 90),
        st.integers(0, 5000),
        st.sampled_from([None, "nested"]),
    )
    def test_nothing_of_a_key_is_left_where_a_text_is_cut(
        self, secret: str, before: str, longest: int, after: int, nested: str | None
    ) -> None:
        """Wherever the longest field ends, no piece of a secret that lies across the end is left."""
        text = f"{before} {secret}{' .' * after}"
        both = MapFields(Truncator(max_length=longest).change, Redactor().change)
        found = both(None, "info", {"event": "e", "x": text if nested is None else {"k": [text]}})

        assert not [text for text in texts(dict(found)) if "sk-" in text or "12345678" in text]

    def test_many_keys_before_the_cut(self) -> None:
        """What comes forward because much before it was redacted has been judged, too."""
        text = " ".join([KEY] * 900)
        found = Truncator(max_length=8192)(None, "info", {"event": "e", "x": text})["x"]

        assert set(found.split()) == {"[redacted]", "…"}

    @given(st.lists(EVENTS, max_size=6))
    def test_memory_changes_nothing(self, events: list[dict[str, Any]]) -> None:
        """A link that has seen other events does what a new one does, and two in one pass what they do in turn."""
        bound, redact = Truncator(), Redactor()
        both = MapFields(bound.change, redact.change)
        alone = [Redactor()(None, "info", dict(event)) for event in events]
        in_turn = [Redactor()(None, "info", Truncator()(None, "info", dict(event))) for event in events]

        assert [redact(None, "info", dict(event)) for event in events] == alone
        assert [both(None, "info", dict(event)) for event in events] == in_turn


class TestBudget:
    def test_a_hostile_event_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Past 50 ms of CPU time, texts, lists and dicts of an event are redacted unread; numbers stay."""
        now = [0]
        monkeypatch.setattr(map_fields, "thread_time_ns", lambda: now[0])
        redact = Redactor()

        def slow(key: str, value: object) -> object:
            now[0] += 30_000_000
            return value

        event = {
            "event": "e",
            "a": "x" * 600,
            "b": "y" * 600,
            "c": "short",
            "d": ["z"],
            "e": {"k": "v"},
            "f": 7,
            "g": 0.5,
        }
        changed = map_fields.MapFields(slow, redact.change)(None, "info", dict(event))

        assert changed == event | {"c": "[redacted]", "d": "[redacted]", "e": "[redacted]"}

    def test_the_next_event_has_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is owed for the event before."""
        now = [0]
        monkeypatch.setattr(map_fields, "thread_time_ns", lambda: now[0])

        def slow(key: str, value: object) -> object:
            now[0] += 60_000_000
            return value

        link = map_fields.MapFields(slow)
        for _ in range(2):
            assert link(None, "info", {"event": "e", "a": "x" * 600, "b": "y"}) == {
                "event": "e",
                "a": "x" * 600,
                "b": "[redacted]",
            }
