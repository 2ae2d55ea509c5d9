from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py").read_text(encoding="utf-8")


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project of its own that lives under our conftest, on a machine that is not CI's."""
    monkeypatch.delenv("CI", raising=False)
    tests = pytester.mkdir("tests")
    tests.joinpath("conftest.py").write_text(CONFTEST, encoding="utf-8")
    return pytester


def outcomes(project: pytest.Pytester, source: str) -> dict[str, int]:
    """Run one test file in the project and count its outcomes."""
    project.path.joinpath("tests", "test_it.py").write_text(source, encoding="utf-8")
    return project.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider").parseoutcomes()


@pytest.mark.slow
def test_a_thread_left_behind_is_an_error(run: pytest.Pytester) -> None:
    """A test fails that starts a thread and does not end it, and only that test."""
    source = (
        "import threading\n"
        "def test_leaves(): threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "def test_joins():\n"
        "    thread = threading.Thread(target=int)\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )
    assert outcomes(run, source) == {"passed": 2, "errors": 1}


SKIPS = (
    "import pytest\n"
    "def test_tool(): pytest.skip('promtool is not there')\n"
    "@pytest.mark.skipif(True, reason='no promtool')\n"
    "def test_mark(): pass\n"
    "@pytest.mark.xfail(strict=True)\n"
    "def test_known(): assert False\n"
    "def test_data(shared): shared('absent/file.csv')\n"
)


@pytest.mark.slow
def test_a_skip_is_a_skip_on_a_developers_machine(run: pytest.Pytester) -> None:
    """What is not installed may be skipped outside CI."""
    assert outcomes(run, SKIPS) == {"skipped": 3, "xfailed": 1}


def test_a_skip_fails_under_ci(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CI set a skip fails, but for one that names data beside the checkout where there is none."""
    monkeypatch.setenv("CI", "true")
    assert outcomes(run, SKIPS) == {"failed": 1, "errors": 1, "skipped": 1, "xfailed": 1}


@pytest.mark.slow
def test_a_skipped_module_fails_under_ci(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that skips itself for want of a library is an error with CI set."""
    monkeypatch.setenv("CI", "true")
    assert outcomes(run, "import pytest\npytest.importorskip('no_such_library')\n") == {"errors": 1}


HOSTILE = """
class Silent(type):
    def __getattribute__(cls, name): raise RuntimeError(name)
    def __hash__(cls): raise RuntimeError("hashed")
    def __instancecheck__(cls, instance): raise RuntimeError("checked")

class EverythingRaises(Exception):
    def __getattribute__(self, name): raise RuntimeError(name)

class ClassRaises(BaseException):
    __class__ = property(lambda self: exit(3))

def silent():
    return Silent("Unnamed", (Exception,), {})()

def test_raised(): raise silent()
def test_asked(): raise EverythingRaises
def test_leaves(): raise ClassRaises
def test_handled():
    try:
        raise silent()
    except Exception:
        assert False
def test_given():
    def fails(error):
        assert False
    fails(silent())
def test_afterwards(): pass
"""


def test_an_exception_that_cannot_be_shown_fails_its_own_test_only(run: pytest.Pytester) -> None:
    """Whether it is raised, was being handled, or is an argument: the run goes on, and pytest does not fail itself."""
    assert outcomes(run, HOSTILE) == {"failed": 5, "passed": 1}
