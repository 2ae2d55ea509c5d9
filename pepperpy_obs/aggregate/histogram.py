"""The histogram: base-2 exponential bins with an exact count, sum, least and greatest value.

`Histogram` is for any float, `Durations` for seconds, whose sum is kept in whole nanoseconds. Both are
immutable: `of` makes one of values, `merge` one of two, and the result depends on the set of values only.
Values must be finite; the fold refuses others before they come here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import exp2, inf, log, log2
from typing import Any, ClassVar, Final, Self

from msgspec import Struct

from pepperpy_obs.aggregate import bins
from pepperpy_obs.aggregate.bins import Bins

__all__ = ["SMALLEST", "Durations", "Histogram", "exact", "last_bins", "rounded"]

SMALLEST: Final = 2**1074
"""How many of the smallest float make 1.0: every float is a whole number of them."""

_LN2: Final = log(2.0)
_MILLION: Final = 1_000_000
_WHOLE: Final = 2.0**52 / 1e9
"""Seconds up to which a float holds whole nanoseconds, and half of one."""


def exact(value: float) -> int:
    """Return a float as a whole number of 1 / `SMALLEST`.

    Adding floats is not associative: the sum would depend on which worker reported first. Integers are,
    and adding these costs a tenth of what adding `Fraction`s does.
    """
    numerator, denominator = value.as_integer_ratio()
    return numerator << (1075 - denominator.bit_length())


def rounded(total: int, parts: int = SMALLEST) -> float:
    """Return the float nearest to total / parts, or an infinity beyond the greatest."""
    try:
        return total / parts
    except OverflowError:
        return inf if total > 0 else -inf


class Histogram(Struct, frozen=True, gc=False):
    """How often which values came.

    `total` is the exact sum in parts of 1 / `PARTS`; `zero` counts the zeros, `positive` the values
    above, and `negative`, by absolute value, those below. `low` and `high` are `inf` and `-inf` while empty.

    >>> both = Histogram.of([1.0, 2.0]).merge(Histogram.of([3.0]))
    >>> both.count, both.sum, both.mean, both.quantile(1.0)
    (3, 6.0, 2.0, 3.0)
    """

    PARTS: ClassVar[int] = SMALLEST

    count: int = 0
    total: int = 0
    low: float = inf
    high: float = -inf
    zero: int = 0
    positive: Bins = bins.EMPTY
    negative: Bins = bins.EMPTY

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Make a histogram of finite values."""
        if not values:
            return cls()
        low, high = min(values), max(values)
        positive = values if low > 0.0 else [value for value in values if value > 0.0]
        negative = [-value for value in values if value < 0.0] if low < 0.0 else []
        zero = len(values) - len(positive) - len(negative)
        # `+ 0.0` turns a negative zero into zero, so that equal sets make equal histograms.
        return cls(
            len(values),
            sum(map(exact, values)),
            low + 0.0,
            high + 0.0,
            zero,
            *_aligned(Bins.of(positive), Bins.of(negative)),
        )

    @property
    def scale(self) -> int:
        """The scale of both rows of bins."""
        return min(self.positive.scale, self.negative.scale)

    @property
    def sum(self) -> float:
        """The sum of all values, rounded once."""
        return rounded(self.total, self.PARTS)

    @property
    def mean(self) -> float | None:
        """The arithmetic mean, or None of no values."""
        return rounded(self.total, self.PARTS * self.count) if self.count else None

    @property
    def log_sum(self) -> float:
        """The sum of the natural logarithms of the values above 0, each as that of the middle of its bin."""
        row = self.positive
        first = row.offset - 0.5
        return sum([count * (first + place) for place, count in enumerate(row.counts())]) * exp2(-row.scale) * _LN2

    def merge(self, other: Self) -> Self:
        """Return the histogram of both sets of values; exactly associative and commutative."""
        if not other.count:
            return self
        if not self.count:
            return other
        return type(self)(
            self.count + other.count,
            self.total + other.total,
            min(self.low, other.low),
            max(self.high, other.high),
            self.zero + other.zero,
            *_aligned(self.positive.merge(other.positive), self.negative.merge(other.negative)),
        )

    @classmethod
    def merged(cls, parts: Sequence[Self]) -> Self:
        """Return the histogram of the values of all parts: the same as one merge after the other, but quicker."""
        parts = [part for part in parts if part.count]
        if len(parts) < 2:
            return parts[0] if parts else cls()
        return cls(
            sum([part.count for part in parts]),
            sum([part.total for part in parts]),
            min([part.low for part in parts]),
            max([part.high for part in parts]),
            sum([part.zero for part in parts]),
            *_aligned(Bins.merged([part.positive for part in parts]), Bins.merged([part.negative for part in parts])),
        )

    def quantile(self, q: float) -> float | None:
        """Estimate the *q* quantile by nearest rank; None of no values."""
        return self.quantiles(q)[0]

    def quantiles(self, *qs: float) -> list[float | None]:
        """Estimate several quantiles in one pass.

        The *q* quantile of *n* values is the ceil(q * n)-th smallest (the first for q = 0), with q taken to
        six decimals. The estimate is the middle of its bin, off by at most 0.542 % while `scale` is 6,
        and exact for the first and the last value.
        """
        if not all(0.0 <= q <= 1.0 for q in qs):
            msg = f"quantiles {qs!r}: each must be between 0 and 1 (p95 is 0.95)"
            raise ValueError(msg)
        if not self.count:
            return [None] * len(qs)
        ranks = [self._rank(q) for q in qs]
        below, zero = self.negative.total, self.negative.total + self.zero
        found = dict.fromkeys(ranks, 0.0)
        # The lowest of the negative values has the highest bin.
        low = [rank for rank in ranks if rank <= below]
        for rank, place in zip(low, self.negative.holding([below + 1 - rank for rank in low]), strict=True):
            found[rank] = min(max(-_middle(place, self.negative.scale), self.low), self.high)
        high = [rank for rank in ranks if rank > zero]
        for rank, place in zip(high, self.positive.holding([rank - zero for rank in high]), strict=True):
            found[rank] = min(max(_middle(place, self.positive.scale), self.low), self.high)
        found |= {1: self.low, self.count: self.high}
        return [found[rank] for rank in ranks]

    def _rank(self, q: float) -> int:
        # In whole millionths: 0.07 * 100 is a little more than 7 in floats, and would give the eighth value.
        return max(1, -(-round(q * _MILLION) * self.count // _MILLION))

    def buckets(self, bounds: Sequence[float]) -> list[int]:
        """Return how many values are at or below each of the ascending `bounds`, as classic buckets count.

        Exact for bounds that are powers of two and for 0; any other bound is moved to the nearest one of
        the bins, by at most 0.54 % while `scale` is 6.
        """
        low = [-bound for bound in reversed(bounds) if bound < 0.0]
        high = [bound for bound in bounds if bound > 0.0]
        below, zero = self.negative.total, self.negative.total + self.zero
        return [
            *[below - beyond for beyond in reversed(self.negative.up_to(last_bins(low, self.negative.scale)))],
            *[zero] * (len(bounds) - len(low) - len(high)),
            *[zero + found for found in self.positive.up_to(last_bins(high, self.positive.scale))],
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `from_dict` takes them back without loss."""
        plain: dict[str, Any] = {"count": self.count, "sum": str(Fraction(self.total, self.PARTS))}
        if self.count:
            plain |= {"min": self.low, "max": self.high, "zero": self.zero, "scale": self.scale}
            for name, row in (("positive", self.positive), ("negative", self.negative)):
                if row.packed:
                    plain[name] = [list(pair) for pair in row.pairs()]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the histogram that `to_dict` was asked of."""
        if not plain["count"]:
            return cls()
        total = Fraction(plain["sum"]) * cls.PARTS
        positive, negative = (Bins.of_pairs(plain["scale"], plain.get(name, ())) for name in ("positive", "negative"))
        low, high = float(plain["min"]), float(plain["max"])
        return cls(plain["count"], total.numerator, low, high, plain["zero"], *_aligned(positive, negative))


class Durations(Histogram, frozen=True, gc=False):
    """A histogram of seconds, none of them negative, to the nanosecond.

    Its scale is always the finest: no duration that may come here (below 292 years) makes it coarser.

    >>> Durations.of([0.1, 0.2]).total
    300000000
    """

    PARTS: ClassVar[int] = 1_000_000_000

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Make a histogram of seconds; what is less than a nanosecond is none or one."""
        if not values:
            return cls()
        low, high = min(values), max(values)
        positive = values
        if low < 1e-9:
            values = [value if value >= 1e-9 else 1e-9 * round(value * 1e9) for value in values]
            low, high = min(values), max(values)
            positive = [value for value in values if value > 0.0]
        # `+ 0.0` as above.
        return cls(
            len(values), _whole_ns(values, high), low + 0.0, high + 0.0, len(values) - len(positive), Bins.of(positive)
        )

    @classmethod
    def of_ns(cls, took: Sequence[int]) -> Self:
        """Make the same histogram of whole nanoseconds, none of them negative: a third of the time."""
        if not took:
            return cls()
        if len(took) == 1 and took[0]:
            # So it is with most series where there are thousands of them: half of the time.
            seconds = took[0] / 1e9
            return cls(1, took[0], seconds, seconds, 0, Bins.of_one(seconds))
        low, high = min(took), max(took)
        values = [ns / 1e9 for ns in (took if low else filter(None, took))]
        return cls(len(took), sum(took), low / 1e9, high / 1e9, len(took) - len(values), Bins.of(values))

    def merge(self, other: Self) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride] - Self here as there
        """Return the histogram of both: there are no negative values, and all rows are of one scale."""
        if not other.count:
            return self
        if not self.count:
            return other
        return type(self)(
            self.count + other.count,
            self.total + other.total,
            min(other.low, self.low),
            max(other.high, self.high),
            self.zero + other.zero,
            self.positive.merge(other.positive),
        )


def _whole_ns(seconds: Sequence[float], high: float) -> int:
    """Return the sum of the nanoseconds of each; `high` is the greatest."""
    if high < _WHOLE / len(seconds):
        # Floats give the very sum, for all on the way are whole numbers that fit; in a quarter less time.
        return int(sum([(value * 1e9 + 0.5) // 1.0 for value in seconds]))
    return sum([int(value * 1e9 + 0.5) for value in seconds])


def _aligned(positive: Bins, negative: Bins) -> tuple[Bins, Bins]:
    if positive.scale == negative.scale:
        return positive, negative
    scale = min(positive.scale, negative.scale)
    return positive.coarsened(scale), negative.coarsened(scale)


def _middle(index: int, scale: int) -> float:
    """The value whose greatest relative error to any in the bin is least: the harmonic mean of its bounds."""
    width = exp2(-scale)
    return exp2((index - 1) * width) * 2.0 / (1.0 + exp2(-width))


def last_bins(bounds: Sequence[float], scale: int) -> list[int]:
    """Return the bins that end nearest to these bounds, which are positive."""
    return [round(log2(bound) * exp2(scale)) for bound in bounds]
