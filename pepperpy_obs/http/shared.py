"""One answer for all that ask the same at once.

A page that takes a second, asked for by ten scrapers at once, would take ten. Requests that arrive while an answer is
being made share the next one: not the one under way, whose look at the counts may be older than they are. So there is
one answer under way and one to come for each question, and each shows every call that had returned before it was asked.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

__all__ = ["Shared"]

T = TypeVar("T")


class Shared(Generic[T]):
    """Makes answers, each for all that asked before it was begun. Any thread may ask; an exception is shared, too."""

    def __init__(self) -> None:
        self._begin_anew()
        _all.add(self)

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._coming: dict[Hashable, tuple[Future[T], threading.Lock]] = {}

    def get(self, question: Hashable, make: Callable[[], T]) -> T:
        """Return the answer that `make` gives, or one that another thread began to make after this call."""
        with self._lock:
            known = self._coming.get(question)
            if known is None:
                known = self._coming[question] = Future(), threading.Lock()
            future, turn = known
        with turn:
            if future.done():
                return future.result()
            with self._lock:
                # From here on it is under way: the next to ask waits for the one after it, which queues behind `turn`.
                self._coming[question] = Future(), turn
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
                raise
            finally:
                self._forget(question, turn)
        return future.result()

    def _forget(self, question: Hashable, turn: threading.Lock) -> None:
        """Drop a question that has no other waiters: those that wait hold the future of the next answer."""
        with self._lock:
            coming = self._coming.get(question)
            if coming is not None and coming[1] is turn and len(self._coming) > _MOST_QUESTIONS:
                del self._coming[question]


_MOST_QUESTIONS = 64
_all: weakref.WeakSet[Shared[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for shared in list(_all):
        shared._begin_anew()  # noqa: SLF001 - its own room


os.register_at_fork(after_in_child=_after_fork)
