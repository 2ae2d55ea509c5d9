from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from pepperpy_obs import _clock
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.judgement.checks import BUILT_IN
from pepperpy_obs.judgement.report import HealthReport
from pepperpy_obs.metrics.health import HealthChecker
from pepperpy_obs.readings import DeliveryStats, SelfStats
from tests.still import AT, Still

Ask = Callable[[HealthChecker], HealthReport]


@pytest.fixture(params=["check", "check_health"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return both ways to ask, one by one: they are to find the same."""
    return HealthChecker.check if request.param == "check" else lambda checker: asyncio.run(checker.check_health())


@pytest.fixture
def release(no_thread_left: None) -> Iterator[threading.Event]:
    """Return an event that checks may hang on, which is set after the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that sets the wall clock to so many seconds after `AT`."""

    def set_clock(seconds: float) -> None:
        now = AT + round(seconds * 1e9)
        monkeypatch.setattr(_clock, "time_ns", lambda: now)

    set_clock(0)
    return set_clock


async def fine() -> bool:
    """Be a coroutine function of a check."""
    await asyncio.sleep(0)
    return True


class Database:
    """A check that is an object with an asynchronous call."""

    async def __call__(self) -> str:
        """Answer with what is wrong."""
        return "is read-only"


def raises() -> None:
    """Fail with a message that may hold a secret."""
    raise ConnectionRefusedError("postgres://user:secret@db")


def leaves() -> None:
    """Fail with what is no Exception."""
    raise SystemExit(3)


def test_a_fresh_process_is_healthy(still: Still, ask: Ask) -> None:
    """With nothing counted and nothing registered every built-in check that is on passes."""
    report = ask(HealthChecker(still))
    assert report.is_healthy
    assert report.issues == []
    assert set(report.checks) == set(BUILT_IN) - {"p95", "event_age"}


@pytest.mark.parametrize(
    "check,status,text",
    [
        (lambda: None, "pass", "all is well"),
        (lambda: True, "pass", "all is well"),
        (lambda: "", "pass", "all is well"),
        (fine, "pass", "all is well"),
        (partial(fine), "pass", "all is well"),
        (lambda: asyncio.sleep(0, "is full"), "fail", "is full"),
        (lambda: False, "fail", "says no"),
        (lambda: "2 % of the disk left", "fail", "2 % of the disk left"),
        (Database(), "fail", "is read-only"),
        (raises, "fail", "raised ConnectionRefusedError"),
        (leaves, "fail", "raised SystemExit"),
        (lambda: 7, "fail", "returned 7; a check returns None or True if all is well, else False or a sentence"),
    ],
)
def test_a_check_of_ones_own_is_read(
    still: Still, ask: Ask, check: Callable[[], object], status: str, text: str
) -> None:
    """Functions and coroutine functions may answer, say what is wrong, or raise; no message of theirs is repeated."""
    checker = HealthChecker(still)
    checker.register("mine", check)
    found = ask(checker).checks["mine"]
    assert (found.status, found.text) == (status, text)


def test_a_check_that_is_not_critical_warns(still: Still, ask: Ask) -> None:
    """What is not critical leaves the service ready."""
    checker = HealthChecker(still)
    checker.register("mine", lambda: False, critical=False)
    report = ask(checker)
    assert (report.status, report.is_ready, report.issues) == ("warn", True, ["mine: says no"])


def test_a_check_that_hangs_fails_at_its_deadline(still: Still, ask: Ask, release: threading.Event) -> None:
    """A hanging function is reported in words and not waited for; its thread is a daemon, and there is only one."""
    checker = HealthChecker(still)
    checker.register("hangs", release.wait, timeout=0.01)
    checker.register("works", lambda: True)
    for _ in range(3):
        report = ask(checker)
        assert report.issues == ["hangs: gave no answer within 0.01 s"]
        assert report.checks["works"].status == "pass"
    (left,) = [thread for thread in threading.enumerate() if thread.name == "pepperpy_obs-check-hangs"]
    assert left.daemon
    release.set()
    left.join()
    assert ask(checker).is_healthy


def test_an_asynchronous_check_that_hangs_is_cancelled(still: Still, ask: Ask) -> None:
    """A hanging coroutine function is cancelled at its deadline, so that the next time it starts afresh."""
    ended: list[str] = []

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    checker = HealthChecker(still)
    checker.register("hangs", hangs, timeout=0.01)
    for _ in range(2):
        assert ask(checker).issues == ["hangs: gave no answer within 0.01 s"]
        for thread in threading.enumerate():
            if thread.name == "pepperpy_obs-check-hangs":
                thread.join()
    assert ended == ["cancelled", "cancelled"]


def test_a_timeout_of_the_checks_own_is_told_from_the_deadline(still: Still, ask: Ask) -> None:
    """A check that raises TimeoutError itself did answer."""

    async def gives_up() -> None:
        raise TimeoutError

    checker = HealthChecker(still)
    checker.register("mine", gives_up)
    assert ask(checker).issues == ["mine: raised TimeoutError"]


def test_the_default_deadline_is_the_configs(ask: Ask, release: threading.Event) -> None:
    """Without a deadline of its own a check has `Config.health_check_timeout`."""
    checker = HealthChecker(Still(config=Config(config_file=None, health_check_timeout=0.02)))
    checker.register("hangs", release.wait)
    assert ask(checker).issues == ["hangs: gave no answer within 0.02 s"]


def test_checks_run_at_the_same_time(still: Still, ask: Ask) -> None:
    """Checks wait for each other, which they could not one after the other."""
    checker = HealthChecker(still)
    meeting = threading.Barrier(3)
    for name in ("one", "two", "three"):
        checker.register(name, lambda: meeting.wait(5) >= 0)
    assert ask(checker).is_healthy


def test_coroutines_run_in_the_loop_that_asks(still: Still) -> None:
    """An asynchronous check may use what belongs to the application's own event loop."""

    async def main() -> HealthReport:
        mine = asyncio.get_running_loop()

        async def same() -> bool:
            return asyncio.get_running_loop() is mine

        checker = HealthChecker(still)
        checker.register("loop", same)
        return await checker.check_health()

    assert asyncio.run(main()).is_healthy


def test_two_who_ask_at_once_share_one_run(still: Still) -> None:
    """A check that is slow but in time serves everybody who asks meanwhile, and runs once."""
    runs: list[int] = []
    both = threading.Barrier(2)

    async def main() -> list[HealthReport]:
        checker = HealthChecker(still)

        def slow() -> bool:
            runs.append(1)
            both.wait(5)
            return True

        checker.register("slow", slow)
        first = asyncio.create_task(checker.check_health())
        second = asyncio.create_task(checker.check_health())
        await asyncio.sleep(0)
        await asyncio.to_thread(both.wait, 5)
        return [await first, await second]

    assert [report.is_healthy for report in asyncio.run(main())] == [True, True]
    assert runs == [1]


def test_a_forked_child_does_not_wait_for_its_parents_thread(still: Still, release: threading.Event) -> None:
    """After a fork in the middle of a check the child runs it anew."""
    checker = HealthChecker(still)
    parent = os.getpid()
    checker.register("mine", lambda: os.getpid() != parent or release.wait(), timeout=0.01)
    assert not checker.check().is_healthy
    child = os.fork()
    if child == 0:
        os._exit(0 if checker.check().is_healthy else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    "name,check,options,message",
    [
        ("p95", fine, {}, "a health check named 'p95' exists already; taken are error_rate, request_error_rate, p95"),
        ("mine", fine, {}, "named 'mine' exists already"),
        ("new", "localhost:5432", {}, "health check 'new' is 'localhost:5432'; give a function"),
        ("new", fine, {"timeout": 0}, "timeout=0 of health check 'new'; give seconds above 0"),
    ],
)
def test_a_wrong_registration_is_refused(
    still: Still, name: str, check: Any, options: dict[str, Any], message: str
) -> None:
    """A taken name, something that cannot be called, or no deadline at all raise at once, with what would do."""
    checker = HealthChecker(still)
    checker.register("mine", fine)
    with pytest.raises(SetupError, match=message):
        checker.register(name, check, **options)


def test_recent_calls_are_judged(still: Still) -> None:
    """Only what the window holds counts."""
    config = Config(config_file=None, health_window=10, health_min_calls=1, health_max_error_rate=0)
    checker = HealthChecker(Still(store=still.store, config=config))
    still.fold(operation="ask", outcome="error")
    assert not checker.check().is_healthy
    still.fold(operation="ask", outcome="ok", at=AT + 60_000_000_000)
    assert checker.check().is_healthy


def test_lines_kept_back_on_purpose_are_not_lost(still: Still) -> None:
    """What the level, sampling or the user's own processor held back is no loss."""
    still.own = SelfStats(dropped={"level": 5, "sample": 5, "processor mine": 5})
    assert HealthChecker(still).check().is_healthy
    still.own = SelfStats(dropped={"level": 5, "file": 1})
    assert HealthChecker(still).check().issues == ["dropped: 1 log lines were lost (1 at file); the limit is 0"]


def test_what_a_receiver_rejected_is_lost(still: Still) -> None:
    """Rejected and dropped events count as lost lines, with the receiver and its reason."""
    books = DeliveryStats("loki", 9, 4, {"too_old": 2}, {"spool_full": 3}, 0, {}, 1, "", None, None)
    still.own = SelfStats(deliveries={"loki": books})
    assert HealthChecker(still).check().issues == [
        "dropped: 5 log lines were lost (3 at loki (spool_full), 2 at loki (too_old)); the limit is 0"
    ]


def test_a_loss_is_forgiven_once_it_is_old(still: Still, at: Callable[[float], None]) -> None:
    """A checker that lives on complains of a loss for a window, not for ever, and of a new one again."""
    checker = HealthChecker(still)
    still.own = SelfStats(dropped={"file": 2})
    found: list[bool] = []
    for seconds in (0, 100, 299, 300, 400):
        at(seconds)
        found.append(checker.check().is_healthy)
    assert found == [False, False, False, True, True]
    at(500)
    still.own = SelfStats(dropped={"file": 3})
    assert checker.check().issues == ["dropped: 1 log lines were lost (1 at file); the limit is 0"]


def test_silence_is_counted_from_the_newest_call(still: Still, at: Callable[[float], None]) -> None:
    """Silence begins with the newest call of all, or where there was none, when the checker was made."""
    quiet = Still(store=still.store, config=Config(config_file=None, health_max_event_age_seconds=10, health_window=5))
    checker = HealthChecker(quiet)
    at(11)
    assert checker.check().issues == ["event_age: no call has ended for 11 s; the limit is 10 s"]
    still.fold(operation="ask", outcome="ok", at=AT + 5_000_000_000)
    assert checker.check().is_healthy


def test_a_provider_that_fails_takes_no_service_out_of_work(still: Still) -> None:
    """Health says that it fails; readiness depends on the user's own checks and on those that the settings name."""
    for _ in range(20):
        still.fold(operation="ask", outcome="error", provider="openai")
    report = HealthChecker(still).check()
    assert (report.status, report.is_healthy, report.is_ready) == ("fail", False, True)
    checker = HealthChecker(still)
    checker.register("mine", lambda: False)
    assert not checker.check().is_ready
    asked = Config(config_file=None, ready_checks=("request_error_rate",))
    assert not HealthChecker(Still(store=still.store, config=asked)).check().is_ready
