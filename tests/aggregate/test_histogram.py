from __future__ import annotations

import csv
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from math import ceil, inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.aggregate.histogram import Durations, Histogram, exact, rounded
from tests.aggregate.strategies import seconds, values

QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
BOUND = 0.0055


def nearest_rank(ordered: list[float], q: float) -> float:
    """Return the exact quantile by the definition: the ceil(q * n)-th smallest, the first for q = 0."""
    return ordered[max(1, ceil(Fraction(str(q)) * len(ordered))) - 1]


def worst_error(found: list[float]) -> float:
    """Return the greatest relative error of the estimated quantiles of positive values."""
    ordered = sorted(found)
    exacts = [nearest_rank(ordered, q) for q in QUANTILES]
    estimates = Durations.of(found).quantiles(*QUANTILES)
    return max(
        abs(estimate - true) / true for estimate, true in zip(estimates, exacts, strict=True) if estimate is not None
    )


class TestQuantile:
    @pytest.mark.parametrize("sigma", [0.1, 0.7, 1.5, 3.0])
    def test_lognormal(self, sigma: float) -> None:
        """Quantiles of 20,000 lognormal latencies are within 0.55 % of exact."""
        generator = random.Random(f"lognormal {sigma}")
        assert worst_error([generator.lognormvariate(-1, sigma) for _ in range(20_000)]) < BOUND

    @given(st.lists(st.floats(1e-9, 1e9), min_size=1))
    def test_any(self, found: list[float]) -> None:
        """So are quantiles of whatever hypothesis finds."""
        assert worst_error(found) < BOUND

    @pytest.mark.parametrize("name", ["code", "conv"])
    def test_real_latencies(self, name: str, shared: Callable[[str], Path]) -> None:
        """Quantiles of the pauses between production calls, and of answers at 30 ms a token, are within 0.55 %."""
        with shared(f"data/traces/AzureLLMInferenceTrace_{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        answers = [int(row["ContextTokens"]) * 0.0002 + int(row["GeneratedTokens"]) * 0.03 for row in rows]
        clock = [float(row["TIMESTAMP"][17:]) + 60 * int(row["TIMESTAMP"][14:16]) for row in rows]
        pauses = [(later - earlier) % 3600 for earlier, later in pairwise(clock)]
        assert worst_error(answers) < BOUND
        assert worst_error([pause for pause in pauses if pause > 1e-6]) < BOUND

    def test_negative_and_zero(self) -> None:
        """Values below zero and zeros are told apart, and ordered."""
        histogram = Histogram.of([-8.0, -1.0, 0.0, 0.0, 1.0, 8.0])
        assert histogram.quantiles(0.0, 0.5, 0.6, 1.0) == [-8.0, 0.0, 0.0, 8.0]
        assert histogram.quantile(0.2) == pytest.approx(-1.0, rel=BOUND)
        assert histogram.quantile(0.7) == pytest.approx(1.0, rel=BOUND)

    def test_of_nothing(self) -> None:
        """Nothing has no quantile, no mean, and the sum 0."""
        nothing = Histogram()
        assert (nothing.quantiles(0.5, 0.9), nothing.mean, nothing.sum) == ([None, None], None, 0.0)

    def test_a_percentage_is_refused(self) -> None:
        """95 is not a quantile, and the message says what is."""
        with pytest.raises(ValueError, match=r"quantiles \(95,\): each must be between 0 and 1 \(p95 is 0.95\)"):
            Histogram.of([1.0]).quantile(95)

    def test_the_rank_does_not_suffer_from_floats(self) -> None:
        """0.07 * 100 is 7.000000000000001 in floats; the 7 % quantile of 1..100 is the 7th value all the same."""
        assert Histogram.of([float(i) for i in range(1, 101)]).quantile(0.07) == pytest.approx(7.0, rel=BOUND)


class TestSums:
    @given(st.lists(values))
    def test_sum_of_floats_is_exact(self, found: list[float]) -> None:
        """The sum is that of fractions, rounded once at the end."""
        true = sum(map(Fraction, found), Fraction())
        histogram = Histogram.of(found)
        assert Fraction(histogram.total, Histogram.PARTS) == true
        try:
            assert histogram.sum == float(true)
        except OverflowError:
            assert histogram.sum == (inf if true > 0 else -inf)

    @given(values)
    def test_every_float_is_a_whole_number_of_the_smallest(self, value: float) -> None:
        """No float is changed by being counted in the smallest ones."""
        assert rounded(exact(value)) == value

    @given(st.lists(st.integers(0, 10**12)))
    def test_durations_are_whole_nanoseconds(self, nanoseconds: list[int]) -> None:
        """What was measured in nanoseconds and passed on as float seconds is summed to the nanosecond."""
        assert Durations.of([ns / 1e9 for ns in nanoseconds]).total == sum(nanoseconds)


class TestMerge:
    @given(st.lists(values), st.lists(values))
    def test_merging_counts_all_values(self, one: list[float], two: list[float]) -> None:
        """The merged histogram is that of all values."""
        assert Histogram.of(one).merge(Histogram.of(two)) == Histogram.of(one + two)

    @given(*[st.lists(values).map(Histogram.of)] * 3)
    def test_laws(self, a: Histogram, b: Histogram, c: Histogram) -> None:
        """Merging is associative and commutative, and the empty histogram changes nothing."""
        assert a.merge(b).merge(c) == a.merge(b.merge(c))
        assert a.merge(b) == b.merge(a)
        assert a.merge(Histogram()) == a == Histogram().merge(a)

    @given(st.lists(seconds), st.lists(seconds))
    def test_durations(self, one: list[float], two: list[float]) -> None:
        """The same holds for durations, which keep their finest scale."""
        merged = Durations.of(one).merge(Durations.of(two))
        assert merged == Durations.of(one + two)
        assert merged.scale == 6

    def test_negative_zero_is_zero(self) -> None:
        """Which of the two zeros came first leaves no trace."""
        assert repr(Histogram.of([0.0, -0.0])) == repr(Histogram.of([-0.0, 0.0])) == repr(Histogram.of([0.0, 0.0]))

    @given(st.lists(values))
    def test_plain_and_back(self, found: list[float]) -> None:
        """`from_dict` gives back what `to_dict` took."""
        assert Histogram.from_dict(Histogram.of(found).to_dict()) == Histogram.of(found)


class TestBuckets:
    @given(st.lists(st.floats(-1e6, 1e6)))
    def test_exact_at_powers_of_two(self, found: list[float]) -> None:
        """Classic buckets are exact at powers of two and at zero, which a bound of ours is."""
        bounds = [0.0, *(2.0**n for n in range(-10, 20))]
        expected = [sum(value <= bound for value in found) for bound in bounds]
        assert Histogram.of(found).buckets(bounds) == expected

    @given(st.lists(st.floats(0.0001, 100)), st.lists(st.floats(0.001, 60), unique=True).map(sorted))
    def test_near_elsewhere(self, found: list[float], bounds: list[float]) -> None:
        """Any other bound is moved by at most 0.55 %."""
        for bound, count in zip(bounds, Durations.of(found).buckets(bounds), strict=True):
            assert sum(value <= bound * (1 - BOUND) for value in found) <= count
            assert count <= sum(value <= bound * (1 + BOUND) for value in found)

    def test_below_zero(self) -> None:
        """Bounds below zero count what is further below."""
        assert Histogram.of([-4.0, -3.0, -1.0, 5.0]).buckets([-8.0, -2.0, -0.5, 0.0, 8.0]) == [0, 2, 3, 3, 4]
