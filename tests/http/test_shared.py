"""Requests that ask the same at once share an answer that is no older than they are."""

from __future__ import annotations

import os
import threading

import pytest

from pepperpy_obs.http.shared import Shared

pytestmark = pytest.mark.hostile


class Asked:
    """Threads that ask one question; the answer is how many were made before it."""

    def __init__(self) -> None:
        self.shared: Shared[int] = Shared()
        self.made = 0
        self.under_way = threading.Event()
        self.go_on = threading.Event()
        self.answers: list[int] = []

    def make(self) -> int:
        """Make an answer, which takes until it may go on."""
        self.made += 1
        self.under_way.set()
        assert self.go_on.wait(10)
        return self.made

    def ask(self) -> None:
        """Ask, and keep the answer."""
        self.answers.append(self.shared.get("stats", self.make))

    def start(self) -> threading.Thread:
        """Ask in a thread."""
        thread = threading.Thread(target=self.ask)
        thread.start()
        return thread


def test_those_that_wait_share_the_next_answer() -> None:
    """Of twenty requests during an answer none gets that one, which may be older than they are; they share one more."""
    asked = Asked()
    first = asked.start()
    assert asked.under_way.wait(10)
    others = [asked.start() for _ in range(20)]
    while len(asked.shared._coming) < 1 or threading.active_count() < 22:
        pass
    asked.go_on.set()
    for thread in (first, *others):
        thread.join(10)

    assert asked.answers[0] == 1
    assert asked.made <= 3  # one may have come while the second was begun
    assert min(asked.answers[1:]) >= 2


def test_questions_do_not_wait_for_each_other() -> None:
    """Another question has an answer of its own, at once."""
    asked = Asked()
    first = asked.start()
    assert asked.under_way.wait(10)

    assert asked.shared.get("health", lambda: -1) == -1

    asked.go_on.set()
    first.join(10)


def test_a_failure_is_no_answer_for_the_next() -> None:
    """What raises raises for those that waited, and the next request tries again."""
    shared: Shared[int] = Shared()
    with pytest.raises(ZeroDivisionError):
        shared.get("stats", lambda: 1 // 0)

    assert shared.get("stats", lambda: 7) == 7


def test_questions_that_never_come_again_fill_no_memory() -> None:
    """A client that asks for another window each time is no leak."""
    shared: Shared[int] = Shared()
    for number in range(1000):
        shared.get(number, lambda: 1)

    assert len(shared._coming) <= 65


def test_a_forked_child_waits_for_no_thread_of_its_parent() -> None:
    """An answer that was under way at the fork holds up nobody in the child."""
    asked = Asked()
    first = asked.start()
    assert asked.under_way.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if asked.shared.get("stats", lambda: 7) == 7 else 1)
    _, status = os.waitpid(child, 0)
    asked.go_on.set()
    first.join(10)

    assert os.waitstatus_to_exitcode(status) == 0
