"""Rules that every test lives under: no thread is left behind, and under CI nothing is skipped in silence."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from pepperpy_obs import _guard
from pepperpy_obs.context import CURRENT
from tests.still import Still

# How fast the machine is says nothing of a law.
settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("laws")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

SHARED = Path(__file__).parents[2] / "shared"
"""Real data beside the checkout: never part of it, so a test that needs it may be skipped where it is not."""

collect_ignore = [] if os.environ.get("PEPPERPY_SDKS") else ["sdks"]
"""`make sdks` says so, which has an environment for these."""


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell that starts us in the background has it ignored, and what we start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_NEEDS = {
    "processes": ("subprocess", "multiprocessing", "billiard", "tests.cli.command", "tests.runtime.bursts"),
    "network": ("socket", "socketserver", "http.server", "http.client", "urllib.request", "tests.servers"),
}
"""By marker, modules that a test file imports if it needs that."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what their files import: what they need, that is, which then cannot be forgotten."""
    for item in items:
        if isinstance(item, pytest.Function):
            for marker in needs_of(item.module):
                item.add_marker(marker)


@cache
def needs_of(module: ModuleType) -> list[str]:
    """Return the markers that the imports of a test file stand for."""
    names = {
        getattr(value, "__name__", "") if isinstance(value, ModuleType) else str(getattr(value, "__module__", ""))
        for value in vars(module).values()
    }
    return [
        marker
        for marker, needs in _NEEDS.items()
        if any(name == need or name.startswith(f"{need}.") for name in names for need in needs)
    ]


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread behind.

    A fixture that ends threads in its teardown must ask for this one, so that it is torn down earlier.
    """
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(timeout=2)
    alive = sorted(thread.name for thread in left if thread.is_alive())
    assert not alive, f"threads left behind: {alive}"


@pytest.fixture(autouse=True)
def no_call_left() -> Iterator[None]:
    """Fail a test that leaves a call current: it would be the caller of all that later tests call."""
    before = CURRENT.get()
    yield
    left = CURRENT.get()
    CURRENT.set(before)
    assert left is before, f"a call is still current: {left}"


@pytest.fixture(autouse=True)
def own_failures() -> None:
    """Start each test with no failure of ours counted: which came before must not matter."""
    _guard.forget()


@pytest.fixture
def still(own_failures: None) -> Still:
    """Return a runtime that has counted nothing."""
    return Still()


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Return a function that finds a file below `../shared`, or skips the test and names what is missing."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"../shared/{name} is not there")
        return path

    return find


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Fail a test whose exception cannot be shown with one that can: else pytest itself fails, and the run ends."""
    try:
        return (yield)
    except BaseException as error:
        if not _refuses_to_be_shown(error):
            raise
        # Both are read from the types that C code has made, where no class of the test's comes between.
        name: str = type.__dict__["__name__"].__get__(type(error))
        where = traceback.format_tb(BaseException.__dict__["__traceback__"].__get__(error))
    pytest.fail(f"{name}, which cannot be shown (or what it was raised with), at\n{''.join(where)}", pytrace=False)


def _refuses_to_be_shown(error: BaseException) -> bool:
    """Return whether it raises where pytest looks at it: its class, its chain, the arguments of its frames."""
    try:
        if isinstance(error, pytest.skip.Exception | pytest.xfail.Exception):
            return False
        hash(type(error))
        str(pytest.ExceptionInfo.from_exception(error).getrepr(style="long", funcargs=True))
        traceback.format_exception(error)
    except BaseException:
        return True
    return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI, turn a skipped test into a failed one."""
    return _without_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Under CI, turn a skipped module into a failed one."""
    return _without_skip((yield))


def _without_skip(report: Report) -> Report:
    """Make a skip a failure: CI promises that everything is there, but for the data beside the checkout."""
    reason = str(report.longrepr)
    excused = hasattr(report, "wasxfail") or ("../shared" in reason and not SHARED.exists())
    if os.environ.get("CI") and report.skipped and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped, though CI has all that tests need: {reason}"
    return report
