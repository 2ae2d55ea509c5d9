"""Rows as text: Prometheus's text format 0.0.4 and OpenMetrics 1.0.0, byte for byte as prometheus_client writes them.

It is here because prometheus_client takes a second for 10,000 histograms. Labels are escaped once per
series and remembered, a series' lines are one template that is filled in one go, as bytes, which takes a third of the
time of text, and are kept for as long as nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

    braced: bytes
    before: bytes
    after: bytes


class _Rendered(NamedTuple):
    """A family's rows as they were, and the lines of each."""

    rows: Mapping[Labels, Distribution]
    lines: Mapping[Labels, bytes]


_NOTHING: Final = _Rendered({}, {})


class Exposition:
    """Renders families; one for each place that is scraped, as it remembers what it saw there last.

    May be used by several threads at once.
    """

    def __init__(self) -> None:
        self._remembered: dict[str, dict[Labels, _Text]] = {}
        self._rendered: dict[tuple[str, bool], _Rendered] = {}

    def text(self, families: Iterable[Filled]) -> bytes:
        """Return the text format 0.0.4. A family that cannot be rendered is left out and counted as our failure."""
        return b"".join(self._lines(families, openmetrics=False))

    def openmetrics(self, families: Iterable[Filled]) -> bytes:
        """Return OpenMetrics 1.0.0, with exemplars."""
        return b"".join([*self._lines(families, openmetrics=True), b"# EOF\n"])

    def _lines(self, families: Iterable[Filled], *, openmetrics: bool) -> list[bytes]:
        lines: list[bytes] = []
        for filled in families:
            try:
                lines += self._family(filled, openmetrics=openmetrics)
            except Exception as error:
                _guard.failed("collect", error)
        return lines

    def _family(self, filled: Filled, *, openmetrics: bool) -> list[bytes]:
        family = filled.family
        head = _head(family, openmetrics=openmetrics).encode()
        texts = self._texts(family, filled.distributions or filled.values)
        if family.type == "histogram":
            return [head, *self._histograms(family, texts, filled.distributions, openmetrics=openmetrics)]
        name = family.name.encode()
        return [
            head,
            *[
                b"%b%b %d.0\n" % (name, texts[labels].braced, value)
                if type(value) is int and 0 <= value < _PLAIN_BELOW
                else b"%b%b %b\n" % (name, texts[labels].braced, number(value).encode())
                for labels, value in filled.values.items()
            ],
        ]

    def _texts(self, family: Family, rows: Iterable[Labels]) -> dict[Labels, _Text]:
        """Return the text of each row's labels, and remember those of this scrape, but none of earlier ones."""
        known = self._remembered.get(family.name, {})
        seen = {labels: known.get(labels) or _text(family.labels, labels) for labels in rows}
        self._remembered[family.name] = seen
        return seen

    def _histograms(
        self, family: Family, texts: Mapping[Labels, _Text], rows: Mapping[Labels, Distribution], *, openmetrics: bool
    ) -> list[bytes]:
        """Return the lines of each series; a row that is the very one of the last scrape has the same lines."""
        template = _Template(family, openmetrics=openmetrics)
        known = self._rendered.get((family.name, openmetrics), _NOTHING)
        lines = {
            labels: known.lines[labels] if known.rows.get(labels) is row else template.fill(texts[labels], row)
            for labels, row in rows.items()
        }
        self._rendered[family.name, openmetrics] = _Rendered(rows, lines)
        return list(lines.values())


class _Template:
    """The lines of one histogram series, with places for its labels, numbers and exemplars."""

    def __init__(self, family: Family, *, openmetrics: bool) -> None:
        exemplar = "%b" if openmetrics else ""
        name = family.name
        bounds = [number(bound) for bound in (*family.bounds, inf)]
        buckets = [f'{name}_bucket{{%ble="{bound}"%b}} {{0}}{exemplar}\n' for bound in bounds]
        lines = "".join([*buckets, f"{name}_count%b {{0}}\n", f"{name}_sum%b %b\n"])
        self._small = lines.replace("{0}", "%d.0").encode()
        self._large = lines.replace("{0}", "%b").encode()
        self._size = len(bounds)
        self._openmetrics = openmetrics

    def fill(self, text: _Text, row: Distribution) -> bytes:
        """Return the lines of one series."""
        small = row.counts[-1] < _PLAIN_BELOW
        template = self._small if small else self._large
        counts: Sequence[object] = row.counts if small else [number(count).encode() for count in row.counts]
        values: list[object]
        if self._openmetrics:
            values = [text.before, text.after, None, b""] * self._size
            values[2::4] = counts
            for bucket, exemplar in row.exemplars.items():
                values[4 * bucket + 3] = _exemplar(exemplar).encode()
        else:
            values = [text.before, text.after, None] * self._size
            values[2::3] = counts
        return template % (*values, text.braced, counts[-1], text.braced, number(row.sum).encode())


def _text(names: tuple[str, ...], labels: Labels) -> _Text:
    pairs = sorted((name, f'{name}="{_escaped(value)}"') for name, value in zip(names, labels, strict=True))
    whole = ",".join(pair for _, pair in pairs)
    return _Text(
        f"{{{whole}}}".encode() if whole else b"",
        "".join(f"{pair}," for name, pair in pairs if name < "le").encode(),
        "".join(f",{pair}" for name, pair in pairs if name > "le").encode(),
    )


def _escaped(value: str) -> str:
    return sendable(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _head(family: Family, *, openmetrics: bool) -> str:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    if not openmetrics:
        return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.type}\n"
    text = text.replace('"', r"\"")
    unit = f"# UNIT {family.stem} {family.unit}\n" if family.unit else ""
    return f"# HELP {family.stem} {text}\n# TYPE {family.stem} {family.type}\n{unit}"


def _exemplar(found: Exemplar) -> str:
    seconds, rest = divmod(found.at, 1_000_000_000)
    span = f'span_id="{_escaped(found.span_id)}",' if found.span_id else ""
    return f' # {{{span}trace_id="{_escaped(found.trace_id)}"}} {number(found.value)} {seconds}.{rest:09d}'
