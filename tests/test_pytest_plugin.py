"""The pytest plugin, in runs of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TESTS = """
    import asyncio
    import threading

    import pytest

    from pepperpy_obs import costed


    @costed(provider="openai")
    def ask(model="gpt-4o-mini", tokens=1000):
        return {"model": model, "usage": {"prompt_tokens": tokens, "completion_tokens": 0}}


    def test_nothing():
        ask()

    def test_fixture(observed):
        ask()
        assert observed.event["operation"] == "ask"

    @pytest.mark.cost(max_usd="0.001", max_requests=2, max_tokens=2000, max_seconds=60)
    def test_within():
        ask()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()

    @pytest.mark.cost(max_usd="0.0001")
    def test_too_dear():
        ask()

    @pytest.mark.cost(max_requests=1)
    def test_too_many(observed):
        asyncio.run(twice())
        assert observed.stats.usage.total_calls == 2

    @pytest.mark.cost(max_usd=1)
    def test_unknown():
        ask(model="my-own")

    @pytest.mark.cost(max_usd=1)
    def test_its_own_failure():
        ask()
        assert False, "its own"

    async def twice():
        await asyncio.gather(asyncio.to_thread(ask), asyncio.to_thread(ask))
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a folder with these tests, run with nothing of this run's own options."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(test_it=TESTS)
    return pytester


PLUGIN = ("-p", "pepperpy_obs.pytest_plugin", "-p", "no:randomly")


def test_a_test_fails_that_spends_more_than_it_may(run: pytest.Pytester) -> None:
    """Each limit fails its test in words; what is not known does not pass for nothing; the table says all."""
    result = run.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=3, failed=4)
    text = result.stdout.str()
    assert "1 requests cost 0.00015 USD, which is more than 0.0001 (@pytest.mark.cost of this test)" in text
    assert "2 requests were made, which is more than 1" in text
    assert "the cost is not known: 1 of 1 requests have no price or told no usage" in text
    assert "AssertionError: its own" in text
    result.stdout.fnmatch_lines(
        [
            "*= costs =*",
            "test * requests * tokens * cost * seconds * since before",
            "test_it.py::test_too_many * 2 * 2,000 * $0.0003 *",
            "test_it.py::test_within * 2 * 2,000 * $0.0003 *",
            "test_it.py::test_fixture * 1 * 1,000 * $0.00015 *",
            "test_it.py::test_unknown * 1 * 1,000 * $0.00 + 1 unknown *",
            "total * 8 * 8,000 * $0.00105 + 1 unknown *",
        ]
    )
    assert "test_nothing" not in text


def test_all_tests_are_observed_on_demand(run: pytest.Pytester) -> None:
    """`--cost` adds those that ask for nothing; `--cost-file` writes all of it, exactly."""
    run.runpytest_subprocess(*PLUGIN, "--cost", "--cost-file", "costs.json")
    found = json.loads((run.path / "costs.json").read_text())
    row = found["tests"]["test_it.py::test_nothing"]
    assert {**row, "seconds": 0} == {"requests": 1, "tokens": 1000, "cost": "0.00015", "unknown": 0, "seconds": 0}
    assert found["total"]["requests"] == 9


def test_a_run_is_compared_with_the_one_before(run: pytest.Pytester) -> None:
    """What has become dearer is shown, and fails the run where that is asked for."""
    run.runpytest_subprocess(*PLUGIN, "-k", "fixture", "--cost-file", "before.json")
    source = run.path / "test_it.py"
    source.write_text(source.read_text().replace("tokens=1000", "tokens=1500"))
    result = run.runpytest_subprocess(*PLUGIN, "-k", "fixture")
    assert result.ret == 0
    assert "cost +50 %" in result.stdout.str()
    again = run.runpytest_subprocess(*PLUGIN, "-k", "fixture", "--cost-compare", "before.json", "--cost-fail", "20")
    assert again.ret == 1
    assert "dearer: test_it.py::test_fixture: cost 0.000225, which was 0.00015" in again.stdout.str()
    assert run.runpytest_subprocess(*PLUGIN, "-k", "fixture", "--cost-fail", "20").ret == 0


def test_workers_of_xdist_are_merged(run: pytest.Pytester) -> None:
    """Rows of all workers are in one table."""
    pytest.importorskip("xdist")
    result = run.runpytest_subprocess(*PLUGIN, "-p", "xdist", "-n", "2")
    result.assert_outcomes(passed=3, failed=4)
    result.stdout.fnmatch_lines(["total * 8 * 8,000 * $0.00105 + 1 unknown *"])


@pytest.mark.parametrize(
    "marker,message",
    [
        ('max_dollars="1"', "has max_dollars; give some of max_usd, max_requests, max_tokens, max_seconds"),
        ('"1"', "has values without a name; give some of max_usd"),
        ("", "has no limit; give some of max_usd"),
        ("max_usd=0.05", "has max_usd=0.05; give dollars as a text, an int or a Decimal"),
        ('max_requests="many"', "has max_requests='many'; give a number from 0 on"),
    ],
)
def test_a_marker_that_makes_no_sense_is_refused(run: pytest.Pytester, marker: str, message: str) -> None:
    """No test runs; the error names the test, what was given and what is accepted."""
    run.makepyfile(test_it=f"import pytest\n\n@pytest.mark.cost({marker})\ndef test_it(): pass\n")
    result = run.runpytest_subprocess(*PLUGIN)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"the marker cost of test_it.py::test_it {message}" in result.stderr.str() + result.stdout.str()


def test_a_file_that_is_none_is_refused(run: pytest.Pytester) -> None:
    """The error names the file and what would do."""
    result = run.runpytest_subprocess(*PLUGIN, "--cost-compare", "nowhere.json")
    assert "--cost-compare nowhere.json: FileNotFoundError" in result.stderr.str() + result.stdout.str()


def test_the_plugin_costs_little(run: pytest.Pytester) -> None:
    """A run that observes nothing has no table, and loads nothing of what reads."""
    run.makepyfile(test_it="import sys\n\ndef test_it(): assert 'pepperpy_obs.testing' not in sys.modules\n")
    result = run.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=1)
    assert "= costs =" not in result.stdout.str()
