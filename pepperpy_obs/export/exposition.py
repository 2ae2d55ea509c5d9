"""Rows as text: Prometheus's text format 0.0.4 and OpenMetrics 1.0.0, byte for byte as prometheus_client writes them.

It is here because prometheus_client takes a second for 10,000 histograms. Labels are escaped once per
series and remembered, and a series' lines are one template that is filled in one go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import inf, isinf, isnan
from typing import Final, NamedTuple

from pepperpy_obs import _guard
from pepperpy_obs.export.families import Distribution, Exemplar, Family, Filled, Labels, sendable

__all__ = ["Exposition", "number"]

_PLAIN_BELOW: Final = 1_000_000
"""From here on Go, and so everybody, writes exponents."""


def number(value: float | Decimal) -> str:
    """Return a number as Go spells it.

    >>> number(3), number(0.25), number(12_345_678), number(float("inf"))
    ('3.0', '0.25', '1.2345678e+07', '+Inf')
    """
    value = float(value)
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if isnan(value):
        return "NaN"
    text = repr(value)
    point = text.find(".")
    if value <= 0 or point <= 6:
        return text
    digits = f"{text[0]}.{text[1:point]}{text[point + 1 :]}".rstrip("0.")
    return f"{digits}e+{point - 1:02d}"


class _Text(NamedTuple):
    """The labels of one series as text, and for a histogram those that come before and after ``le``."""

    braced: str
    before: str
    after: str


class Exposition:
    """Renders families; one for each place that is scraped, as it remembers the labels that it saw there last.

    May be used by several threads at once.
    """

    def __init__(self) -> None:
        self._remembered: dict[str, dict[Labels, _Text]] = {}

    def text(self, families: Iterable[Filled]) -> str:
        """Return the text format 0.0.4. A family that cannot be rendered is left out and counted as our failure."""
        return "".join(self._lines(families, openmetrics=False))

    def openmetrics(self, families: Iterable[Filled]) -> str:
        """Return OpenMetrics 1.0.0, with exemplars."""
        return "".join([*self._lines(families, openmetrics=True), "# EOF\n"])

    def _lines(self, families: Iterable[Filled], *, openmetrics: bool) -> list[str]:
        lines: list[str] = []
        for filled in families:
            try:
                lines += self._family(filled, openmetrics=openmetrics)
            except Exception as error:
                _guard.failed("collect", error)
        return lines

    def _family(self, filled: Filled, *, openmetrics: bool) -> list[str]:
        family = filled.family
        texts = self._texts(family, filled.distributions or filled.values)
        lines = _head(family, openmetrics=openmetrics)
        if family.type == "histogram":
            template = _Template(family, openmetrics=openmetrics)
            lines += [template.fill(texts[labels], row) for labels, row in filled.distributions.items()]
        else:
            name = family.name
            lines += [f"{name}{texts[labels].braced} {number(value)}\n" for labels, value in filled.values.items()]
        return lines

    def _texts(self, family: Family, rows: Iterable[Labels]) -> dict[Labels, _Text]:
        """Return the text of each row's labels, and remember those of this scrape, but none of earlier ones."""
        known = self._remembered.get(family.name, {})
        seen = {labels: known.get(labels) or _text(family.labels, labels) for labels in rows}
        self._remembered[family.name] = seen
        return seen


class _Template:
    """The lines of one histogram series, with places for its labels, numbers and exemplars."""

    def __init__(self, family: Family, *, openmetrics: bool) -> None:
        exemplar = "%s" if openmetrics else ""
        name = family.name
        bounds = [number(bound) for bound in (*family.bounds, inf)]
        buckets = [f'{name}_bucket{{%sle="{bound}"%s}} {{0}}{exemplar}\n' for bound in bounds]
        lines = "".join([*buckets, f"{name}_count%s {{0}}\n", f"{name}_sum%s %s\n"])
        self._small = lines.replace("{0}", "%d.0")
        self._large = lines.replace("{0}", "%s")
        self._size = len(bounds)
        self._openmetrics = openmetrics

    def fill(self, text: _Text, row: Distribution) -> str:
        """Return the lines of one series."""
        small = row.counts[-1] < _PLAIN_BELOW
        template = self._small if small else self._large
        counts: Sequence[object] = row.counts if small else [number(count) for count in row.counts]
        values: list[object]
        if self._openmetrics:
            values = [text.before, text.after, None, ""] * self._size
            values[2::4] = counts
            for bucket, exemplar in row.exemplars.items():
                values[4 * bucket + 3] = _exemplar(exemplar)
        else:
            values = [text.before, text.after, None] * self._size
            values[2::3] = counts
        return template % (*values, text.braced, counts[-1], text.braced, number(row.sum))


def _text(names: tuple[str, ...], labels: Labels) -> _Text:
    pairs = sorted((name, f'{name}="{_escaped(value)}"') for name, value in zip(names, labels, strict=True))
    whole = ",".join(pair for _, pair in pairs)
    return _Text(
        f"{{{whole}}}" if whole else "",
        "".join(f"{pair}," for name, pair in pairs if name < "le"),
        "".join(f",{pair}" for name, pair in pairs if name > "le"),
    )


def _escaped(value: str) -> str:
    return sendable(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _head(family: Family, *, openmetrics: bool) -> list[str]:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    if not openmetrics:
        return [f"# HELP {family.name} {text}\n", f"# TYPE {family.name} {family.type}\n"]
    text = text.replace('"', r"\"")
    head = [f"# HELP {family.stem} {text}\n", f"# TYPE {family.stem} {family.type}\n"]
    return [*head, f"# UNIT {family.stem} {family.unit}\n"] if family.unit else head


def _exemplar(found: Exemplar) -> str:
    seconds, rest = divmod(found.at, 1_000_000_000)
    span = f'span_id="{_escaped(found.span_id)}",' if found.span_id else ""
    return f' # {{{span}trace_id="{_escaped(found.trace_id)}"}} {number(found.value)} {seconds}.{rest:09d}'
