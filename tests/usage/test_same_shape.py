"""An answer like one before says what it would say as the first: whatever is changed, taken away or put in."""

from __future__ import annotations

import copy
import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.usage import extract as anew
from pepperpy_obs.usage import same_shape
from tests.usage.test_answers import as_objects

FILES = sorted((Path(__file__).parent / "answers").glob("*.json"))
VALUES: tuple[Any, ...] = (
    None, 0, 7, 1.5, True, "", "fast", "message", "x" * 300, [], [3], {}, {"cached_tokens": 4},
    {"usage": {"input_tokens": 1}}, {"message": {"usage": {"input_tokens": 2, "output_tokens": 3}}},
)  # fmt: skip
NAMES = (
    "usage", "x_groq", "service_tier", "speed", "cost", "type", "provider_metadata", "response", "message", "unknown",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    """Forget what other tests have shown."""
    same_shape._known.clear()
    yield
    same_shape._known.clear()


def answers() -> list[Any]:
    """Return the answer of each file."""
    found = (json.loads(path.read_text()) for path in FILES)
    return [one.get("answer", one) if isinstance(one, dict) else one for one in found]


def objects_of(value: Any) -> Any:
    """Return JSON-like data as an SDK's objects."""
    return as_objects(value, SimpleNamespace)


def said(taken: tuple[Any, Any]) -> tuple[Any, ...]:
    """Return all that is captured of an answer, comparable."""
    captured, found = taken
    entries = tuple(said((each, None)) for each in (*captured.entries, *captured.earlier))
    names = ("shape", "raw", "provider", "model", "response_id", "service_tier", "incomplete", "aggregate", "made")
    where = None if found is None else (found.shape, found.place, found.object_shape)
    return (*(getattr(captured, name) for name in names), entries, where)


def dicts_of(answer: Any) -> list[dict[str, Any]]:
    """Return the dicts in an answer, itself first."""
    if isinstance(answer, list):
        return [each for item in answer for each in dicts_of(item)]
    if not isinstance(answer, dict):
        return []
    return [answer, *(each for value in answer.values() for each in dicts_of(value))]


ANSWERS = answers()
CHANGE = st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(("set", "drop", "add")),
                   st.sampled_from(VALUES), st.sampled_from(NAMES))  # fmt: skip


def changed(answer: Any, changes: list[tuple[int, int, str, Any, str]]) -> Any:
    """Return another answer."""
    other = copy.deepcopy(answer)
    for which, key, how, value, name in changes:
        inner = dicts_of(other)
        chosen = inner[which % len(inner)]
        names = list(chosen)
        if how == "add" or not names:
            chosen[name] = copy.deepcopy(value)
        elif how == "drop":
            del chosen[names[key % len(names)]]
        else:
            chosen[names[key % len(names)]] = copy.deepcopy(value)
    return other


@given(st.sampled_from(ANSWERS), st.lists(st.lists(CHANGE, max_size=2), max_size=4), st.booleans())
def test_an_answer_says_the_same_whatever_came_before(answer: Any, others: list[Any], objects: bool) -> None:
    """Each of a row of answers that are almost alike is taken twice, so that later ones are read as earlier ones."""
    same_shape._known.clear()
    make = objects_of if objects else copy.deepcopy
    for each in (answer, answer, answer, *(changed(answer, changes) for changes in others), answer):
        for _ in range(2):
            assert said(same_shape.extract(make(each))) == said(anew.extract(make(each)))


CHAT = {
    "id": "chatcmpl-1",
    "model": "gpt-4o",
    "choices": [{"message": {"content": "Sunny."}}],
    "usage": {"prompt_tokens": 20, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
}


@pytest.mark.parametrize("make", [copy.deepcopy, objects_of])
def test_the_third_answer_of_a_kind_is_read_by_a_plan(make: Any) -> None:
    """A chat completion, a dict or an object, is known when it has come twice; one with another name beside is not."""
    assert same_shape.extract_like(make(CHAT)) is None
    for _ in range(2):
        same_shape.extract(make(CHAT))
    taken = same_shape.extract_like(make(CHAT))
    assert taken is not None
    assert said(taken) == said(anew.extract(make(CHAT)))
    assert same_shape.extract_like(make({**CHAT, "x_groq": {"usage": None}})) is None


def test_what_is_remembered_keeps_no_answer_alive() -> None:
    """Only classes and names are kept."""

    class Answer(SimpleNamespace):
        """Can be referred to."""

    def told() -> weakref.ref[Answer]:
        answer = Answer(**vars(objects_of(CHAT)))
        same_shape.extract(answer)
        return weakref.ref(answer)

    kept = [told() for _ in range(3)]
    gc.collect()
    assert [each() for each in kept] == [None] * 3


def test_names_that_are_texts_are_not_kept() -> None:
    """A dict whose names are somebody's data is looked at anew each time."""
    answer = {**CHAT, "a long question that somebody asked of somebody else about something private": 1}
    for _ in range(3):
        same_shape.extract(dict(answer))
    assert not same_shape._known


def test_kinds_without_end_take_a_bounded_room() -> None:
    """Answers with always other names do not pile up."""
    for number in range(3000):
        same_shape.extract({**CHAT, f"name {number}": 1})
    assert len(same_shape._known) <= 1024


@pytest.mark.parametrize("odd", ["none", {}, [], [3]])
def test_entries_that_one_answer_lacks_are_read_in_the_next(odd: Any) -> None:
    """Where the list of requests stands, there may be something else; the next answer has its requests all the same."""
    same_shape._known.clear()
    usage_ = {"queue_time": 0.1, "prompt_tokens": 900, "completion_tokens": 120}
    parts = [{"model": "one", "usage": usage_}, {"model": "two", "usage": usage_}]
    base = {"id": "x", "model": "groq/compound", "usage": usage_}
    for models in (odd, odd, parts):
        answer = {**base, "usage_breakdown": {"models": models}}
        assert said(same_shape.extract(answer)) == said(anew.extract(answer))
    assert len(same_shape.extract({**base, "usage_breakdown": {"models": parts}})[0].entries) == 2
