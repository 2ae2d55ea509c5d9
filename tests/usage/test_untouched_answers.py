# ruff: noqa: ANN202, ANN204, D102 - the answers under test are the users'
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic
"""To read an answer changes nothing: no method is called, nothing is loaded, no proxy fetches what it is of."""

import functools
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import MagicMock

import pytest

from pepperpy_obs import costed, usage
from pepperpy_obs.testing import captured

pytestmark = pytest.mark.hostile

CHAT = {"model": "gpt-4o", "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}}


class Dynamic:
    """Answers to names that it looks up, and keeps a list of what it was asked for."""

    def __init__(self, **has: Any) -> None:
        self.__dict__["has"] = has
        self.__dict__["asked"] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        if name in self.has:
            return self.has[name]
        raise AttributeError(name)


def test_an_object_with_getattr_is_asked_a_few_times() -> None:
    """It is asked for usage, each time anew, and for a few names more only if it has some."""
    empty, full = Dynamic(), Dynamic(**CHAT)
    for _ in range(2):
        assert usage.capture(empty) is None
        assert len(empty.asked) <= 4
        empty.asked.clear()
    found = usage.capture(full)
    assert found is not None
    assert (found.model, found.raw["input_tokens"]) == ("gpt-4o", 20)
    assert len(full.asked) <= 16


def test_items_with_getattr_are_asked_a_few_times() -> None:
    """So are the items of a stream, and what is recorded by hand."""
    item = Dynamic()
    stream = usage.Stream()
    stream.feed(item)
    usage.is_piece(item)
    assert len(item.asked) <= 8


class LoadsWhenAsked:
    """As Django's and werkzeug's lazy objects: all that it has is that of another object, its class included."""

    loaded = 0

    def _load(self) -> Any:
        type(self).loaded += 1
        return SimpleNamespace(**CHAT)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._load(), name)

    @property  # type: ignore[misc]
    def __class__(self):
        return type(self._load())

    @property
    def __dict__(self):  # type: ignore[override]
        return vars(self._load())


class Column:
    """A descriptor of an object-relational mapper, which asks the database for what is not there."""

    queries: ClassVar[list[str]] = []

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, row: Any, owner: type) -> Any:
        if row is None:
            return self
        if self.name not in row.__dict__:
            self.queries.append(self.name)
            row.__dict__[self.name] = 1
        return row.__dict__[self.name]


class Row:
    id = Column()
    model = Column()
    usage = Column()
    metadata = Column()
    input_tokens = Column()


class Methods:
    called: ClassVar[list[str]] = []

    def usage(self) -> Any:
        self.called.append("usage")
        return CHAT["usage"]

    def model(self) -> str:
        self.called.append("model")
        return "gpt-4o"

    def new_messages(self) -> list[Any]:
        self.called.append("new_messages")
        return []


class Computes:
    computed: ClassVar[list[str]] = []

    @functools.cached_property
    def usage(self) -> Any:
        self.computed.append("usage")
        return CHAT["usage"]


@pytest.mark.parametrize("make", [LoadsWhenAsked, Row, Methods, Computes])
def test_nothing_is_loaded_or_called(make: Any) -> None:
    """As a result, as an item of a stream and recorded by hand, an object stays as unread as it was."""
    given = make()

    @costed
    def one() -> Any:
        return given

    @costed
    def many():
        yield given

    with captured():
        assert one() is given
        [item] = many()
        assert item is given
        usage.is_piece(given)
    assert (LoadsWhenAsked.loaded, Column.queries, Methods.called, Computes.computed) == (0, [], [], [])


def test_what_has_been_loaded_is_read() -> None:
    """A row, or a computed attribute, that is there already is read from where it is."""
    row = Row()
    row.__dict__.update(CHAT)
    computes = Computes()
    computes.usage  # noqa: B018 - the user's own code looks at it
    for given in (row, computes):
        found = usage.capture(given)
        assert found is not None
        assert found.raw["input_tokens"] == 20
    Computes.computed.clear()
    assert Column.queries == []


def test_a_mock_is_not_touched() -> None:
    """No attribute appears on it."""
    mock = MagicMock()
    usage.capture(mock)
    usage.Stream().feed(mock)
    assert "_mock_children" in vars(mock)
    assert vars(mock)["_mock_children"] == {}


def test_a_dict_in_a_proxy() -> None:
    """What wrapt's proxies hold is read, a dict as well as an object, and within an answer, too."""
    wrapt = pytest.importorskip("wrapt")
    for held in (CHAT, SimpleNamespace(**CHAT), {**CHAT, "usage": wrapt.ObjectProxy(CHAT["usage"])}):
        found = usage.capture(wrapt.ObjectProxy(held))
        assert found is not None
        assert (found.model, found.raw["input_tokens"]) == ("gpt-4o", 20)
