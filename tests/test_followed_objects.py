# ruff: noqa: ANN204, D102, D103, PLW0108 - the classes under test are the users'
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic, reportUnusedCoroutine=false
"""An object that a tracked function returns stays what it is, and so does every other object of its class."""

import copy
import dataclasses
import functools
import gc
import pickle
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest

from pepperpy_obs import _guard, tracked_usage
from pepperpy_obs.testing import captured
from tests.sdk import ITEMS


class Pages:
    """A cursor that makes others like itself, in all the ways that cursors do."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.at = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.at == len(self.items):
            raise StopIteration
        self.at += 1
        return self.items[self.at - 1]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __copy__(self) -> "Pages":
        return type(self)(self.items)

    def again(self) -> "Pages":
        return self.__class__(self.items)

    def forget(self) -> "Pages":
        self.__dict__ = {"items": self.items, "at": 0}
        return self

    @classmethod
    def of(cls, *items: Any) -> "Pages":
        return cls(list(items))


class Fresh(Pages):
    """Gives a new cursor to each loop over it."""

    def __iter__(self) -> Iterator[Any]:
        return type(self)(self.items)


class Registered(type):
    """A metaclass that keeps a list of its classes, and lets none of them be changed."""

    classes: list[str] = []  # noqa: RUF012

    def __new__(cls, name: str, bases: Any, space: Any, **given: Any):
        cls.classes.append(name)
        return super().__new__(cls, name, bases, space, **given)

    def __setattr__(cls, name: str, value: Any) -> None:
        raise AttributeError(name)


class Plugin(Pages, metaclass=Registered):
    heirs: list[type] = []  # noqa: RUF012

    def __init_subclass__(cls, *, name: str) -> None:
        Plugin.heirs.append(cls)


@dataclasses.dataclass
class Countdown:
    left: int = 2

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if not self.left:
            raise StopIteration
        self.left -= 1
        return self.left


def returned(make: Callable[[], Any]) -> Any:
    return tracked_usage(operation="ask")(lambda: make())()


OTHERS: dict[str, Callable[[Any], Any]] = {
    "a copy": copy.copy,
    "a deep copy": copy.deepcopy,
    "made by type(self)": lambda pages: pages.again(),
    "made by its class": lambda pages: pages.of(*pages.items),
    "after pickling": lambda pages: pickle.loads(pickle.dumps(pages)),
    "made beside it": lambda pages: type(pages)(pages.items),
}


@pytest.mark.parametrize("kind", [Pages, Fresh])
@pytest.mark.parametrize("how", OTHERS)
def test_other_objects_of_its_class_work_as_before(how: str, kind: Any) -> None:
    """Whatever is made of a followed stream is read as without us, and belongs to no call."""
    with captured() as seen:
        pages = returned(lambda: kind(ITEMS))
        other = OTHERS[how](pages)

        assert list(other) == ITEMS
        assert seen.events == []
        assert list(pages) == ITEMS
        assert [event["input_tokens"] for event in seen.events] == [12]
    assert _guard.failures() == {}


@pytest.mark.parametrize("make", [lambda: Pages(ITEMS), lambda: Fresh(ITEMS), Countdown, lambda: Plugin(ITEMS)])
def test_it_is_equal_to_what_it_was(make: Any) -> None:
    """Its class, attributes, equality and place in a table by type are those of an object that was not followed."""
    with captured():
        followed, other = returned(make), make()

        assert type(followed) is type(other)
        assert type(iter(followed)) is type(iter(other))
        assert vars(followed) == vars(other)
        assert followed == other
        assert {type(other): "handler"}.get(type(followed)) == "handler"
        assert isinstance(followed, type(other))


def test_no_class_is_made() -> None:
    """No subclass appears: hooks, metaclasses and registries of classes see nothing."""
    with captured() as seen:
        assert list(returned(lambda: Plugin(ITEMS))) == ITEMS

        assert seen.event["input_tokens"] == 12
    assert Plugin.__subclasses__() == Plugin.heirs == []
    assert Registered.classes == ["Plugin"]


def test_dataclasses_replace() -> None:
    """A replaced dataclass is another stream of its own."""
    with captured():
        assert list(dataclasses.replace(returned(Countdown), left=1)) == [0]
        assert repr(returned(Countdown)) == repr(Countdown())


def test_attributes_may_be_thrown_away() -> None:
    """A stream whose `__dict__` is exchanged goes on, and is followed to its end."""
    with captured() as seen:
        assert list(returned(lambda: Pages(ITEMS)).forget()) == ITEMS

        assert (seen.event["outcome"], seen.event["items"]) == ("ok", 3)


def test_methods_that_are_exchanged_later_count() -> None:
    """What is put on a base or on the class after a stream of it was followed is what is called."""

    class Base(Pages):
        pass

    class Leaf(Base):
        pass

    with captured():
        list(returned(lambda: Leaf(ITEMS)))
        setattr(Base, "__next__", Pages([]).__next__)  # noqa: B010
        assert list(Leaf(ITEMS)) == []
        assert list(returned(lambda: Leaf(ITEMS))) == []
        setattr(Leaf, "__next__", Pages.__next__)  # noqa: B010
        assert list(returned(lambda: Leaf(ITEMS))) == ITEMS


def test_a_class_and_its_base_are_both_followed() -> None:
    """A step of a class that calls its base's is one step, whichever of them was followed first."""

    class Louder(Pages):
        def __next__(self) -> Any:
            return super().__next__()

        def __iter__(self) -> Iterator[Any]:
            return super().__iter__()

    for kind in (Louder, Pages, Louder):
        with captured() as seen:
            assert list(returned(functools.partial(kind, ITEMS))) == ITEMS
            assert (seen.event["items"], seen.event["input_tokens"]) == (3, 12)


def test_a_followed_object_is_not_kept() -> None:
    """It goes as soon as its user lets it go, and its call ends with it."""
    with captured() as seen:
        pages = returned(lambda: Pages(ITEMS))
        gone = weakref.ref(pages)
        del pages
        gc.collect()

        assert gone() is None
        assert seen.event["outcome"] == "abandoned"


def test_many_threads_follow_the_first_streams_of_a_class() -> None:
    """Each of them is read once, by the one method that there is."""

    class Unseen(Pages):
        pass

    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        list(returned(lambda: Unseen(ITEMS)))

    with captured() as seen:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [(event["items"], event["input_tokens"]) for event in seen.events] == [(3, 12)] * 8
    assert vars(Unseen)["__next__"].__wrapped__ is Pages.__next__


def test_a_mock_is_a_mock() -> None:
    """It gives what it was told to give, remembers how it was used, and can be told otherwise later."""

    def use(mock: Any) -> list[Any]:
        mock.__iter__.return_value = [1, 2]
        mock.__next__.return_value = 7
        used = [list(mock), next(mock), type(mock).__mro__[1] is MagicMock, len(mock.mock_calls)]
        mock.__next__.return_value = 8
        mock.close()
        with mock as entered:
            used += [entered is mock.__enter__.return_value, next(mock), len(mock.mock_calls)]
        return used

    with captured():
        assert use(returned(MagicMock)) == use(MagicMock())
