"""Rows are found as if each path were followed by itself."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict
from collections.abc import Callable
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

import pepperpy_obs.usage.object_shape as layout_module
from pepperpy_obs.usage.get_path import get_path, paths
from pepperpy_obs.usage.object_shape import NOTHING, object_shape_of
from pepperpy_obs.usage.path_table import PathTable

NAMES = ("alpha", "beta", "gamma")
PATHS = paths(
    "alpha", "beta", "alpha.beta", "alpha.gamma", "beta.alpha.gamma", "gamma.*.alpha", "gamma.^", "beta.#seen"
)  # fmt: skip


class Model(BaseModel):
    """As SDKs have them: fields of its own, and whatever else comes."""

    model_config = ConfigDict(extra="allow")
    alpha: Any = None


class Slotted:
    """Has no `__dict__`."""

    __slots__ = NAMES

    def __init__(self, **given: Any) -> None:
        for name in NAMES:
            setattr(self, name, given.get(name))


MAKERS: tuple[Callable[..., Any], ...] = (
    dict,
    OrderedDict,
    lambda **given: MappingProxyType(given),
    SimpleNamespace,
    Slotted,
    Model,
)
ROWS = st.lists(st.tuples(st.sampled_from(("x", "y", "z")), st.sampled_from(PATHS)), max_size=8)
ANSWERS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.sampled_from(("seen", "word")) | st.builds(dict, alpha=st.integers(0, 9)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(
            lambda make, given: make(**given),
            st.sampled_from(MAKERS),
            st.dictionaries(st.sampled_from((*NAMES, "omega")), inner, max_size=4),
        )
    ),
    max_leaves=8,
)


@given(st.lists(ROWS, min_size=1, max_size=3), ANSWERS)
def test_rows_are_found_as_if_each_path_were_followed_by_itself(tables: list[Any], answer: Any) -> None:
    """Of several paths to one name the first that leads anywhere counts; nothing else is found."""
    for rows in tables:
        expected: dict[str, Any] = {}
        for name, path in rows:
            if name not in expected and (value := get_path(answer, path)) is not None:
                expected[name] = value
        table = PathTable(rows)
        assert table.of(answer, object_shape_of(answer)) == expected
        assert table.of(answer, object_shape_of(answer)) == expected, "found as well by what was worked out before"


def test_answers_of_one_kind_share_a_shape_at() -> None:
    """The object shape depends on the type and its names alone."""
    assert object_shape_of({"alpha": 1, "omega": 2}) is object_shape_of({"alpha": None, "omega": {}})
    assert object_shape_of(SimpleNamespace(alpha=1)) is object_shape_of(SimpleNamespace(alpha=2))
    assert object_shape_of(SimpleNamespace(alpha=1)) is not object_shape_of({"alpha": 1})
    assert object_shape_of(Model.model_validate({"alpha": 1, "beta": 2})).names >= {"alpha", "beta"}
    assert object_shape_of(Model(alpha=1)).names.isdisjoint({"beta"})


def test_an_object_without_known_names_has_the_shape_of_nothing() -> None:
    """Whatever functions return, it is looked at once and leaves nothing behind."""
    values: tuple[Any, ...] = (None, 1, "text", b"", [], (), {}, {"omega": 1}, {1: 2}, SimpleNamespace(omega=1))
    for value in values:
        assert object_shape_of(value) is NOTHING, value


@pytest.mark.parametrize("wrapped", [False, True])
def test_of_a_message_of_protobuf_its_fields_are_asked_for(*, wrapped: bool) -> None:
    """They stand in its descriptor, and in no namespace; proto-plus wraps the class that has it."""
    descriptor = SimpleNamespace(fields_by_name={"alpha": ..., "omega": ...})
    asked: list[str] = []

    class Message:
        __slots__ = ()
        if wrapped:
            _meta = SimpleNamespace(pb=SimpleNamespace(DESCRIPTOR=descriptor))
        else:
            DESCRIPTOR = descriptor

        def __getattr__(self, name: str) -> int:
            if name not in descriptor.fields_by_name:
                raise AttributeError(name)
            asked.append(name)
            return 1

    message = Message()
    object_shape = object_shape_of(message)
    assert object_shape.names == {"alpha"}
    assert not object_shape.dynamic
    assert PathTable([("x", ("alpha",)), ("y", ("beta",))]).of(message, object_shape) == {"x": 1}
    assert asked == ["alpha"]


def test_another_word_for_a_descriptor_is_none() -> None:
    """What only looks like a message is asked as any object is."""

    class Odd:
        DESCRIPTOR = "of something else"
        alpha = property(lambda self: 2)

    assert PathTable([("x", ("alpha",))]).of(Odd(), object_shape_of(Odd())) == {"x": 2}


def test_a_mock_answers_to_everything() -> None:
    """So its object shape says that it has no bounds."""
    assert object_shape_of(MagicMock()).dynamic


def test_a_key_that_is_no_text_is_not_kept_alive() -> None:
    """A dict of somebody's objects is found by its names instead."""

    class Key:
        pass

    key = Key()
    watched = weakref.ref(key)
    object_shape = object_shape_of({key: 1, "alpha": 2})
    assert object_shape.names == {"alpha"}
    del key
    gc.collect()
    assert watched() is None


def test_what_was_worked_out_is_kept_when_only_names_of_others_change() -> None:
    """Dicts that are different each time cost no more than one that is always the same."""
    object_shape = object_shape_of({"alpha": 1})
    for number in range(3000):
        assert object_shape_of({"alpha": 1, f"omega{number}": 2}) is object_shape
    assert object_shape_of({"alpha": 1}) is object_shape


def test_a_large_dict_is_found_by_its_names() -> None:
    """It is no answer, but costs no more than one."""
    large = {str(number): number for number in range(1000)} | {"alpha": 1}
    assert object_shape_of(large) is object_shape_of({**large, "more": 2})
    assert PathTable([("x", ("alpha",))]).of(large, object_shape_of(large)) == {"x": 1}


def test_what_refuses_to_be_looked_at_has_nothing() -> None:
    """Looking an attribute up may raise whatever it likes."""

    class Shy:
        def __getattribute__(self, name: str) -> Any:
            raise LookupError(name)

    assert object_shape_of(Shy()) is NOTHING


def test_what_was_taken_out_meanwhile_is_not_there() -> None:
    """A dict that another thread changes between two looks is read as far as it is there."""
    table = PathTable([("x", ("alpha",)), ("y", ("beta", "gamma"))])
    object_shape = object_shape_of({"alpha": 1, "beta": {"gamma": 2}})
    assert table.of({"alpha": 1, "beta": {"gamma": 2}}, object_shape) == {"x": 1, "y": 2}
    assert table.of({"beta": {}}, object_shape) == {}


def test_a_text_that_is_a_key_is_not_kept() -> None:
    """Functions return dicts by whatever texts they like, a prompt among them."""
    before = len(layout_module._by_keys)
    for number in range(5):
        assert object_shape_of({f"{number} {'prompt ' * 20}": 1, "alpha": 2}).names == {"alpha"}
    assert len(layout_module._by_keys) == before


def test_a_default_of_the_class_is_found() -> None:
    """An object need not have of its own what its class says for all."""

    class Answer:
        alpha = 2.5

    assert PathTable([("x", ("alpha",))]).of(Answer(), object_shape_of(Answer())) == {"x": 2.5}
