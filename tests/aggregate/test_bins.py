from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from functools import reduce
from itertools import accumulate
from math import frexp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.aggregate.bins import CAPACITY, EMPTY, SCALE, Bins, indices

positive = st.floats(min_value=5e-324, allow_infinity=False)
rows = st.lists(positive, max_size=30).map(Bins.of)

BOUNDS = [float(Decimal(2) ** (Decimal(i) / 64) / 2) for i in range(64)]


def by_table(value: float) -> int:
    """Find a bin as client_golang does: by mantissa, in a table of correctly rounded bounds."""
    mantissa, exponent = frexp(value)
    return bisect_left(BOUNDS, mantissa) + (exponent - 1) * 64


class TestIndices:
    def test_a_power_of_two_closes_its_bin(self) -> None:
        """Bounds are upper inclusive: 2**n is the last value of bin 64 * n, for every power that a float can be."""
        assert indices([2.0**n for n in range(-1074, 1024)]) == [64 * n for n in range(-1074, 1024)]

    @given(st.integers(1, 10**14))
    def test_whole_nanoseconds_fall_where_a_table_of_bounds_puts_them(self, ns: int) -> None:
        """The logarithm agrees with the table for every duration of whole nanoseconds up to a day."""
        assert indices([ns / 1e9]) == [by_table(ns / 1e9)]

    def test_next_to_each_bound(self) -> None:
        """The values around every bound of an octave fall on their own side of it."""
        assert indices([bound * (1 - 1e-14) for bound in BOUNDS[1:]]) == list(range(-63, 0))
        assert indices([bound * (1 + 1e-14) for bound in BOUNDS]) == list(range(-63, 1))


class TestBins:
    @given(st.lists(positive), st.lists(positive))
    def test_adding_rows_counts_all_values(self, one: list[float], two: list[float]) -> None:
        """The sum of two rows is the row of all values: nothing depends on how they were divided."""
        assert Bins.of(one).merge(Bins.of(two)) == Bins.of(one + two)

    @given(rows, rows, rows)
    def test_adding_is_associative_and_commutative(self, a: Bins, b: Bins, c: Bins) -> None:
        """Rows of any scales may be added in any order."""
        assert a.merge(b).merge(c) == a.merge(b.merge(c))
        assert a.merge(b) == b.merge(a)
        assert a.merge(EMPTY) == a

    @given(st.lists(positive, min_size=1))
    def test_a_row_is_as_fine_as_it_can_be(self, values: list[float]) -> None:
        """No value is lost, the row is not longer than allowed, and one step finer it would be."""
        row = Bins.of(values)
        assert sum(row.counts()) == len(values)
        assert len(row) <= CAPACITY
        places = indices(values)
        finer = SCALE - row.scale - 1
        assert row.scale == SCALE or (max(places) - 1 >> finer) - (min(places) - 1 >> finer) >= CAPACITY

    @given(rows, st.integers(-6, 6))
    def test_coarser_bins_are_made_of_whole_ones(self, row: Bins, scale: int) -> None:
        """A coarser row has the same values below each of its bounds."""
        coarse = row.coarsened(scale)
        shift = row.scale - coarse.scale
        expected: dict[int, int] = {}
        for index, count in row.pairs():
            expected[(index - 1 >> shift) + 1] = expected.get((index - 1 >> shift) + 1, 0) + count
        assert dict(coarse.pairs()) == expected

    @given(rows, rows, st.integers(0, 50))
    def test_counts_outgrow_their_bits(self, row: Bins, other: Bins, doublings: int) -> None:
        """Counts that need 16, 32 or 64 bits are as exact as small ones, and stay so beside small ones."""
        grown = row
        for _ in range(doublings):
            grown = grown.merge(grown)
        assert grown.pairs() == [(index, count << doublings) for index, count in row.pairs()]
        assert grown.merge(other) == other.merge(grown)
        assert sum(grown.merge(other).counts()) == (row.total << doublings) + other.total

    @given(st.lists(st.tuples(rows, st.integers(0, 40)), max_size=12))
    def test_adding_many_at_once(self, given_rows: list[tuple[Bins, int]]) -> None:
        """The sum of many rows, of any scales and widths, is what adding one after the other gives."""
        many = []
        for row, doublings in given_rows:
            for _ in range(doublings if doublings < 20 else 0):
                row = row.merge(row)  # noqa: PLW2901 - counts that need more bits
            many.append(row)
        assert Bins.merged(many) == reduce(Bins.merge, many, EMPTY)

    @given(rows, st.integers(0, 40), st.lists(st.integers(-5000, 5000), max_size=20))
    def test_counts_up_to_any_bin(self, row: Bins, doublings: int, lasts: list[int]) -> None:
        """The counts up to a bin are those of all bins below and its own, whatever their bits."""
        for _ in range(doublings):
            row = row.merge(row)
        lasts.sort()
        expected = [sum(count for index, count in row.pairs() if index <= last) for last in lasts]
        assert row.up_to(lasts) == expected

    @pytest.mark.parametrize("total", [254, 255, 256, 65_534, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 2])
    def test_counts_as_large_as_their_bits_hold(self, total: int) -> None:
        """A sum that fills its bits, all nines to the rule that adds it up, is told from none."""
        row = Bins.pack(SCALE, 5, [total])
        assert row.up_to([4, 5, 6]) == [0, total, total]
        halves = Bins.pack(SCALE, 5, [1, 0, total - 1])
        assert halves.up_to([4, 5, 6, 7, 8]) == [0, 1, 1, total, total]

    @given(rows, st.integers(0, 40), st.data())
    def test_the_bin_of_any_value(self, row: Bins, doublings: int, data: st.DataObject) -> None:
        """The bin of the value that comes so many-th is the first up to which so many are counted."""
        for _ in range(doublings):
            row = row.merge(row)
        ranks = data.draw(st.lists(st.integers(1, row.total), max_size=5)) if row.total else []
        expected = []
        for rank in ranks:
            reached = accumulate(count for _, count in row.pairs())
            expected.append(next(index for (index, _), sums in zip(row.pairs(), reached, strict=True) if sums >= rank))
        assert row.holding(ranks) == expected

    @given(rows)
    def test_pairs_and_back(self, row: Bins) -> None:
        """A row is its pairs of index and count."""
        assert Bins.of_pairs(row.scale, row.pairs()) == row

    def test_a_long_row_can_be_shown(self) -> None:
        """A row shows its pairs, however long an integer it is."""
        assert repr(Bins.of([1e-9, 1e9])) == "Bins(scale=6, pairs=[(-1913, 1), (1914, 1)])"

    def test_pairs_that_would_fill_the_memory(self) -> None:
        """A row that no values could have made is refused before it is built."""
        with pytest.raises(ValueError, match="bins 0 to 1000000000000 are more than a row can hold"):
            Bins.of_pairs(6, [(0, 1), (10**12, 1)])

    def test_durations_are_never_coarsened(self) -> None:
        """All durations from a nanosecond to 292 years fit into one row at the finest scale."""
        assert Bins.of([1e-9, 2.0**63 / 1e9]).scale == SCALE
