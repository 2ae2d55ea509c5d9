"""The pytest plugin: what each test has spent, what it may spend, and how that has changed since the last run.

pytest loads it by its entry point. A test is observed where it asks for the fixture `observed`, has the marker `cost`,
or where the run has `--cost`. Each is a `captured()` block of its own: threads and tasks that it starts belong to it,
and calls of tests that run elsewhere at once do not. Workers of pytest-xdist send their rows along with their reports.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

import pytest

from pepperpy_obs import _clock

if TYPE_CHECKING:
    from pepperpy_obs.testing import Captured

__all__ = ["Row", "observed"]

_PROPERTY: Final = "pepperpy_obs"
_LAST: Final = "pepperpy_obs/costs"
"""Where pytest's cache keeps the rows of the last run."""
_LIMITS: Final = ("max_usd", "max_requests", "max_tokens", "max_seconds")
_USE: Final = '@pytest.mark.cost(max_usd="0.05", max_requests=5, max_tokens=2000, max_seconds=10)'


class Row(TypedDict):
    """What one test has spent."""

    requests: int
    tokens: int
    cost: str
    """US dollars, exact; of the requests whose price is known."""
    unknown: int
    """Requests without a price or without usage: their cost is unknown, not zero."""
    seconds: float
    """How long the test ran."""


_BLOCK: Final = pytest.StashKey["Captured"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("pepperpy_obs", "costs of tests")
    group.addoption("--cost", action="store_true", help="observe all tests, not only those that ask for it")
    group.addoption("--cost-file", type=Path, metavar="FILE", help="write what each test has spent, as JSON")
    group.addoption(
        "--cost-compare",
        type=Path,
        metavar="FILE",
        help="compare with this file of a run before (default: the last run)",
    )
    group.addoption(
        "--cost-fail",
        type=float,
        metavar="PERCENT",
        help="fail if a test costs so much more than in that run, or uses so many more tokens or requests",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and what collects the rows."""
    config.addinivalue_line(
        "markers", "cost(max_usd=..., max_requests=..., max_tokens=..., max_seconds=...): what the test may spend"
    )
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Costs(config), "pepperpy_obs_costs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse markers that make no sense before any test has run."""
    for item in items:
        _limits_of(item)


@pytest.fixture
def observed(request: pytest.FixtureRequest) -> Iterator[Captured]:
    """Collect the events of the test's calls: `observed.events`, `observed.stats`; see `pepperpy_obs.testing`."""
    with _capturing(request.node) as block:
        yield block


@contextmanager
def _capturing(item: pytest.Item) -> Generator[Captured]:
    from pepperpy_obs.testing import captured  # noqa: PLC0415 - loaded by runs that observe something

    with captured() as block:
        item.stash[_BLOCK] = block
        yield block


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Observe a test, note what it has spent, and fail it if that is more than it may."""
    limits = _limits_of(item)
    if _BLOCK in item.stash:
        return (yield from _observe(item, item.stash[_BLOCK], limits))
    if not limits and not item.config.getoption("--cost"):
        return (yield)
    with _capturing(item) as block:
        return (yield from _observe(item, block, limits))


def _observe(item: pytest.Item, block: Captured, limits: Mapping[str, Any]) -> Generator[None, object, object]:
    begin = _clock.perf_counter_ns()
    try:
        result = yield
    finally:
        row = _row(block, (_clock.perf_counter_ns() - begin) / 1e9)
        item.user_properties.append((_PROPERTY, row))
    if over := _over(row, limits):
        pytest.fail(f"{over} ({_USE.partition('(')[0]} of this test)", pytrace=False)
    return result


def _row(block: Captured, seconds: float) -> Row:
    usage, cost = block.stats.usage, block.stats.cost
    return {
        "requests": usage.total_calls,
        "tokens": usage.total_tokens,
        "cost": format(cost.total_cost.normalize(), "f"),
        "unknown": cost.unpriced_calls + cost.calls_without_usage,
        "seconds": round(seconds, 3),
    }


def _over(row: Row, limits: Mapping[str, Any]) -> str:
    """Return which limit was passed, in words; "" of none. What is not known does not pass for nothing."""
    requests = row["requests"]
    if "max_usd" in limits:
        if row["unknown"]:
            return f"the cost is not known: {row['unknown']} of {requests} requests have no price or told no usage"
        if Decimal(row["cost"]) > limits["max_usd"]:
            return f"{requests} requests cost {row['cost']} USD, which is more than {limits['max_usd']}"
    for name, spent, words in (
        ("max_requests", requests, "requests were made"),
        ("max_tokens", row["tokens"], "tokens were used"),
        ("max_seconds", row["seconds"], "seconds were taken"),
    ):
        if name in limits and spent > limits[name]:
            return f"{spent} {words}, which is more than {limits[name]}"
    return ""


def _limits_of(item: pytest.Item) -> Mapping[str, Any]:
    """Return what a test may spend; UsageError where the marker makes no sense. The nearest marker counts."""
    marker = item.get_closest_marker("cost")
    if marker is None:
        return {}
    given: dict[str, Any] = dict(marker.kwargs)
    odd = sorted(given.keys() - set(_LIMITS))
    if marker.args or odd or not given:
        wrong = ", ".join(odd) or ("values without a name" if marker.args else "no limit")
        msg = f"the marker cost of {item.nodeid} has {wrong}; give some of {', '.join(_LIMITS)}: {_USE}"
        raise pytest.UsageError(msg)
    for name, value in given.items():
        given[name] = _number(item, name, value)
    return given


def _number(item: pytest.Item, name: str, value: object) -> Decimal:
    try:
        if isinstance(value, str | int | Decimal) or (isinstance(value, float) and name == "max_seconds"):
            found = Decimal(value)
            if found >= 0:
                return found
    except InvalidOperation:
        pass
    advice = "dollars as a text, an int or a Decimal" if name == "max_usd" else "a number from 0 on"
    msg = f"the marker cost of {item.nodeid} has {name}={value!r}; give {advice}: {_USE}"
    raise pytest.UsageError(msg)


class _Costs:
    """The rows of a run, whoever ran its tests."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._rows: dict[str, Row] = {}
        self._before: Mapping[str, Row] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the row of a test."""
        if report.when == "call":
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    self._rows[report.nodeid] = value  # type: ignore[assignment] # pyright: ignore[reportArgumentType]

    def pytest_sessionstart(self) -> None:
        """Read what was spent before."""
        file: Path | None = self._config.getoption("--cost-compare")
        if file is None:
            cache = getattr(self._config, "cache", None)
            self._before = cache.get(_LAST, {}) if cache is not None else {}
            return
        try:
            self._before = json.loads(file.read_text())["tests"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"--cost-compare {file}: {error!r}; give a file that --cost-file has written"
            raise pytest.UsageError(msg) from error

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep what was spent; fail the run if it is so much more than before."""
        file: Path | None = self._config.getoption("--cost-file")
        if file is not None:
            file.write_text(json.dumps({"tests": self._rows, "total": _total(self._rows)}, indent=2) + "\n")
        cache = getattr(self._config, "cache", None)
        if cache is not None and self._rows:
            cache.set(_LAST, {**cache.get(_LAST, {}), **self._rows})
        if session.exitstatus == pytest.ExitCode.OK and self._regressions():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show a table, the dearest test first, and what has become dearer."""
        if not self._rows:
            return
        from pepperpy_obs.reports import table  # noqa: PLC0415 - loaded by runs that have a table

        terminalreporter.section("costs")
        dearest = sorted(self._rows.items(), key=lambda one: (-Decimal(one[1]["cost"]), one[0]))
        rows = [_cells(name, row, self._before.get(name)) for name, row in [*dearest, ("total", _total(self._rows))]]
        headers = ["test", "requests", "tokens", "cost", "seconds", "since before"]
        terminalreporter.line(table.columns(headers, rows, words=1))
        for text in self._regressions():
            terminalreporter.line(f"dearer: {text}", red=True)

    def _regressions(self) -> list[str]:
        """Return, in words, which tests have spent more than `--cost-fail` allows."""
        percent: float | None = self._config.getoption("--cost-fail")
        if percent is None:
            return []
        found: list[str] = []
        for name, row in sorted(self._rows.items()):
            before = self._before.get(name)
            if before is None:
                continue
            for what in ("cost", "tokens", "requests"):
                old, new = Decimal(before[what]), Decimal(row[what])
                if new > old * (1 + Decimal(percent) / 100):
                    found.append(f"{name}: {what} {new}, which was {old}")
                    break
        return found


def _total(rows: Mapping[str, Row]) -> Row:
    return {
        "requests": sum(row["requests"] for row in rows.values()),
        "tokens": sum(row["tokens"] for row in rows.values()),
        "cost": format(sum((Decimal(row["cost"]) for row in rows.values()), Decimal(0)).normalize(), "f"),
        "unknown": sum(row["unknown"] for row in rows.values()),
        "seconds": round(sum(row["seconds"] for row in rows.values()), 3),
    }


def _cells(name: str, row: Row, before: Row | None) -> list[str]:
    from pepperpy_obs.reports import table  # noqa: PLC0415 - as above

    unknown = f" + {row['unknown']} unknown" if row["unknown"] else ""
    cost = f"{table.money(Decimal(row['cost']))}{unknown}"
    return [
        name,
        table.count(row["requests"]),
        table.count(row["tokens"]),
        cost,
        f"{row['seconds']:.2f}",
        _change(row, before),
    ]


def _change(row: Row, before: Row | None) -> str:
    """Return how the cost, or else the tokens, have changed; "" where nothing is known of before."""
    if before is None:
        return ""
    for what in ("cost", "tokens"):
        old, new = Decimal(before[what]), Decimal(row[what])
        if old != new:
            return f"{what} {100 * (new - old) / old:+.0f} %" if old else f"{what} new"
    return "same"
