from __future__ import annotations

from textwrap import dedent

import pytest

from pepperpy_obs.reports import table
from tests.reports.history import nothing, told


def shown(text: str) -> str:
    """Return the text without the margin that it has in this file."""
    return dedent(text).strip("\n")


def test_long_names_lose_their_middles() -> None:
    """Where a table would be wider than 80 columns, the first column gives way; both ends of a name tell more."""
    rows = [("gpt-4o", "1" * 30, "2" * 20), ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3", "4")]
    lines = table.columns(["model", "tokens", "cost"], rows, cut=True).splitlines()
    assert [len(line) for line in lines] == [80, 80, 80]
    assert [line.split()[0] for line in lines] == ["model", "gpt-4o", "us.anthropic...250929-v1:0"]
    assert "us.anthropic.claude-sonnet-4-5-20250929-v1:0" in table.columns(
        ["a", "b"], [row[:2] for row in rows[1:]], cut=True
    )


class TestReports:
    def test_performance(self) -> None:
        """The figures of all, then a line for each operation; what was not measured is a dash."""
        assert str(told().performance) == shown("""
            Performance (from 2025-11-23 12:00:00 UTC, 20.0 s)
            calls                             7
            error rate                   42.9 %
            calls per second               0.35
            average response time        2.29 s
            50 % within                  995 ms
            95 % within                  8.00 s
            99 % within                  8.00 s
            average time to first token  250 ms
            tokens                        1,500
            cache hit rate               66.7 %

            operation  calls  errors  per second  average      p50     p95     p99  first token
            ask            3       2        0.15   2.33 s   1.99 s  4.00 s  4.00 s       250 ms
            draft          1       0        0.05   500 ms   500 ms  500 ms  500 ms            -
            search         2       1        0.10   4.00 s  7.81 ms  8.00 s  8.00 s            -
            write          1       0        0.05   500 ms   500 ms  500 ms  500 ms            -
        """)

    def test_performance_of_one_operation_in_a_window(self) -> None:
        """The title says whose figures these are, and of what stretch."""
        assert str(told(60).performance.of("unheard")) == shown("""
            Performance of unheard (last 60 s)
            calls                        0
            error rate                   -
            calls per second             -
            average response time        -
            50 % within                  -
            95 % within                  -
            99 % within                  -
            average time to first token  -
            tokens                       0
        """)

    def test_errors(self) -> None:
        """Operations and types stand left, counts right."""
        assert str(told().errors) == shown("""
            Errors: 3 (42.9 % of all calls)
            operation  error type      calls
            ask        RateLimitError      1
            ask        TimeoutError        1
            search     TimeoutError        1
        """)
        assert str(nothing().errors) == "Errors: none"

    def test_usage(self) -> None:
        """The figures, then who used how much."""
        assert str(told().usage).split("\n\n")[:2] == [
            shown("""
                Usage (from 2025-11-23 12:00:00 UTC, 20.0 s)
                requests                  6
                requests per minute   18.00
                error rate           33.3 %
                tokens                1,500
                  input               1,040
                  output                400
                  cache read            500
                  unsplit                60
                active agents             3
                cache hit rate       66.7 %
                cache utilization    75.0 %
            """),
            shown("""
                provider   requests  tokens
                acme              1      40
                anthropic         1     300
                openai            4   1,160
            """),
        ]

    def test_cost(self) -> None:
        """The sums, then who spent them, the dearest first, and at last what is missing."""
        parts = str(told().cost).split("\n\n")
        assert [parts[0], parts[1], parts[-1]] == [
            shown("""
                Cost (from 2025-11-23 12:00:00 UTC, 20.0 s)
                total cost                  $0.04
                per request                 $0.02
                priced requests        2 (66.7 %)
                unpriced requests               1
                saved by caches    $0.01 (20.0 %)
                  prompt cache              $0.01
                wasted             $0.01 (25.0 %)
                  abandoned                 $0.01
            """),
            shown("""
                provider   requests  tokens   cost   share  per request
                openai            4   1,160  $0.03  75.0 %        $0.03
                anthropic         1     300  $0.01  25.0 %        $0.01
                acme              1      40      -       -            -
            """),
            shown("""
                model without a price  requests
                private                       1
            """),
        ]

    def test_cache(self) -> None:
        """All caches together, then each."""
        assert str(told().cache) == shown("""
            Cache
            hit rate                  66.7 %
            utilization               75.0 %
            prompt tokens from cache  48.1 %

            cache    hits  misses  hit rate  size  max  utilization
            answers     1       1    50.0 %    30   40       75.0 %
            pages       3       1    75.0 %    10    -            -
        """)

    def test_agents(self) -> None:
        """One line for each agent."""
        assert str(told().agents) == shown("""
            Agents: 3 active, 2 at work now
            agent     calls  error rate  average  requests  tokens   cost  running
            newcomer      0           -        -         0       0  $0.00        1
            planner       5      60.0 %   3.10 s         4   1,140  $0.03        2
            writer        1       0.0 %   500 ms         1     300  $0.01        0
        """)
        assert str(nothing().agents) == "Agents: 0 active, 0 at work now"

    def test_all(self) -> None:
        """Statistics show all of their reports."""
        stats = told()
        reports = (stats.performance, stats.errors, stats.usage, stats.cost, stats.cache, stats.agents)
        assert str(stats) == "\n\n\n".join(map(str, reports))


class TestNumbers:
    @pytest.mark.parametrize(
        "value, text",
        [
            (0.0, "0.00 us"),
            (0.00099, "990 us"),
            (0.0999, "99.9 ms"),
            (0.5, "500 ms"),
            (999.4, "999 s"),
            (1e6, "1,000,000 s"),
        ],
    )
    def test_seconds(self, value: float, text: str) -> None:
        """A duration is told in the unit that suits it, with three figures."""
        assert table.seconds(value) == text


def test_names_do_not_command_the_terminal() -> None:
    """A name with a line feed or an escape sequence stays in its cell."""
    assert (
        table.columns(["model", "calls"], [["evil\x1b[2J\nmodel", "1"]])
        == "model           calls\nevil?[2J?model      1"
    )
