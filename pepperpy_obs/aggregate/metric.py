"""A user's own metric: what it is called, and what is known of one of its series.

Names are checked where they are written, by the rules that Prometheus and OpenTelemetry share, so that a
metric has one spelling everywhere. Nothing is registered anywhere: a `Metric` is a name, and may be made twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple, Self, get_args

from msgspec import Struct

from pepperpy_obs.aggregate.histogram import SMALLEST, Histogram, rounded
from pepperpy_obs.errors import SetupError

__all__ = ["Latest", "Metric", "MetricData", "MetricKind", "checked_labels", "is_label", "is_name"]

MetricKind = Literal["counter", "gauge", "histogram"]

_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,199}")
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,99}")
_PARTS: Final = ("_bucket", "_count", "_created", "_sum")
_RESERVED: Final = frozenset({"le", "quantile"})
_NO_VALUES: Final = Histogram()


def is_name(name: object) -> bool:
    """Return whether a metric may be called this."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and not name.endswith(_PARTS)


def is_label(name: object) -> bool:
    """Return whether a label may be called this."""
    return isinstance(name, str) and _LABEL.fullmatch(name) is not None and name not in _RESERVED


def checked_labels(labels: Mapping[str, object]) -> dict[str, str]:
    """Return the labels with their values as text; a name that cannot be one is a `SetupError`."""
    for name in labels:
        if not is_label(name):
            msg = (
                f"label name {name!r}: use letters, digits and _, not two _ at the beginning, "
                f"and none of {', '.join(sorted(_RESERVED))} (they are Prometheus's own)"
            )
            raise SetupError(msg)
    return {name: str(value) for name, value in labels.items()}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the user's own.

    A counter adds up what is recorded, a gauge keeps the latest value, a histogram the distribution.

    >>> Metric("tickets_solved", "Tickets that an agent closed", unit="tickets").kind
    'counter'
    """

    name: str
    description: str = ""
    unit: str = ""
    kind: MetricKind = "counter"

    def __post_init__(self) -> None:
        if self.kind not in get_args(MetricKind):
            msg = f"metric kind {self.kind!r} of {self.name!r}: use one of {', '.join(get_args(MetricKind))}"
            raise SetupError(msg)
        if not is_name(self.name):
            msg = (
                f"metric name {self.name!r}: use a letter, then letters, digits and _ (200 at most); "
                f"{', '.join(_PARTS)} at the end are kept for the parts of a histogram"
            )
            raise SetupError(msg)
        if self.name.startswith("pepperpy_"):
            msg = f"metric name {self.name!r}: names in pepperpy_ are this package's own; leave the prefix out"
            raise SetupError(msg)
        if self.name.endswith("_total") and self.kind != "counter":
            msg = f"metric name {self.name!r}: _total at the end promises a counter, but this is a {self.kind}"
            raise SetupError(msg)
        if not (self.unit.isascii() and len(self.unit) <= 63):
            msg = f"unit {self.unit!r} of metric {self.name!r}: use at most 63 ASCII characters, such as seconds or USD"
            raise SetupError(msg)

    def fields(self, value: float, labels: Mapping[str, object]) -> dict[str, Any]:
        """Return the event's keys for one value; a bad label name is a `SetupError`, a bad value is for the fold."""
        return {
            "metric": self.name,
            "metric_kind": self.kind,
            "metric_unit": self.unit,
            "metric_description": self.description,
            "value": value,
            "labels": checked_labels(labels),
        }


class Latest(NamedTuple):
    """A gauge's value and when it was set (UTC epoch nanoseconds); the later wins, then the greater."""

    at: int
    value: float


class MetricData(Struct, frozen=True, gc=False):
    """One series of a user's metric; which part is filled depends on the kind.

    `total` is a counter's exact sum in parts of 1 / `SMALLEST`. Of two descriptions or units
    the one that sorts last is kept: some rule is needed that does not ask which came first.
    """

    unit: str
    description: str
    total: int = 0
    latest: Latest | None = None
    histogram: Histogram = _NO_VALUES

    @property
    def value(self) -> float:
        """The sum of a counter, the latest value of a gauge, the sum of a histogram."""
        return self.latest.value if self.latest else self.histogram.sum if self.histogram.count else rounded(self.total)

    def merge(self, other: Self) -> Self:
        """Return both together."""
        return type(self)(
            max(self.unit, other.unit),
            max(self.description, other.description),
            self.total + other.total,
            max(self.latest, other.latest) if self.latest and other.latest else self.latest or other.latest,
            self.histogram.merge(other.histogram),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what is empty is left out."""
        plain: dict[str, Any] = {"unit": self.unit, "description": self.description}
        if self.total:
            plain["total"] = str(Fraction(self.total, SMALLEST))
        if self.latest:
            plain["latest"] = list(self.latest)
        if self.histogram.count:
            plain["histogram"] = self.histogram.to_dict()
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the data that `to_dict` was asked of."""
        return cls(
            plain["unit"],
            plain["description"],
            (Fraction(plain.get("total", 0)) * SMALLEST).numerator,
            Latest(*plain["latest"]) if "latest" in plain else None,
            Histogram.from_dict(plain.get("histogram", {"count": 0})),
        )
