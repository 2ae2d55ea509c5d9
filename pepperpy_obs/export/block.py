"""LineTemplates of lines: the text of some series that follow each other, with places for their numbers.

The text is made once and is kept for as long as the same series stand in the block; a scrape only fills numbers in, a
block in one go. A block is small, for the interpreter lock is held for all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import inf, isinf, isnan
from typing import Final

from pepperpy_obs.aggregate.series_data import Exemplar
from pepperpy_obs.export.families import Family, HistogramSample, Labels, Value, sendable

__all__ = ["LineTemplates", "number"]

_SIZE: Final = 64
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


class LineTemplates:
    """The lines of one family in one format; remembers the labels of its latest scrape.

    May be used by several threads at once.
    """

    def __init__(self, family: Family, *, openmetrics: bool) -> None:
        self._family = family
        self._openmetrics = openmetrics
        self._blocks: Sequence[_Block] = ()

    def values(self, rows: Mapping[Labels, Value]) -> list[bytes]:
        """Return the lines of counters or gauges."""
        labels, values = list(rows), list(rows.values())
        found: list[bytes] = []
        for begin, block in zip(range(0, len(labels), _SIZE), self._arranged(labels), strict=True):
            part = values[begin : begin + _SIZE]
            plain = all(type(value) is int and 0 <= value < _PLAIN_BELOW for value in part)
            found.append(block.filled(part if plain else [number(value).encode() for value in part], plain=plain))
        return found

    def samples(self, rows: Mapping[Labels, HistogramSample]) -> list[bytes]:
        """Return the lines of histograms."""
        labels, samples = list(rows), list(rows.values())
        found: list[bytes] = []
        for begin, block in zip(range(0, len(labels), _SIZE), self._arranged(labels), strict=True):
            part = samples[begin : begin + _SIZE]
            plain = all(row.counts[-1] < _PLAIN_BELOW for row in part)
            numbers: list[object] = []
            for row in part:
                counts = row.counts if plain else [number(count).encode() for count in row.counts]
                numbers += self._with_exemplars(counts, row) if self._openmetrics else counts
                numbers += (counts[-1], number(row.sum).encode())
            found.append(block.filled(numbers, plain=plain))
        return found

    def _arranged(self, labels: Sequence[Labels]) -> Sequence[_Block]:
        """Return the blocks of these series, and remember them: those of the last scrape where they are the same."""
        known = self._blocks
        blocks: list[_Block] = []
        for place, begin in enumerate(range(0, len(labels), _SIZE)):
            part = tuple(labels[begin : begin + _SIZE])
            same = place < len(known) and known[place].labels == part
            blocks.append(known[place] if same else _Block(self._family, part, openmetrics=self._openmetrics))
        self._blocks = blocks
        return blocks

    @staticmethod
    def _with_exemplars(counts: Sequence[object], row: HistogramSample) -> list[object]:
        numbers: list[object] = [None, b""] * len(counts)
        numbers[::2] = counts
        for bucket, exemplar in row.exemplars.items():
            numbers[2 * bucket + 1] = _exemplar(exemplar).encode()
        return numbers


class _Block:
    """The lines of some series."""

    __slots__ = ("_family", "_openmetrics", "_templates", "labels")

    def __init__(self, family: Family, labels: tuple[Labels, ...], *, openmetrics: bool) -> None:
        self.labels = labels
        self._family = family
        self._openmetrics = openmetrics
        self._templates: dict[bool, bytes] = {}

    def filled(self, numbers: Sequence[object], *, plain: bool) -> bytes:
        """Return the lines with their numbers: whole ones below a million if they are `plain`, else text."""
        template = self._templates.get(plain)
        if template is None:
            place = "%d.0" if plain else "%b"
            lines = [_template(self._family, labels, place, self._openmetrics) for labels in self.labels]
            self._templates[plain] = template = "".join(lines).encode()
        return template % tuple(numbers)


def _template(family: Family, labels: Labels, place: str, openmetrics: bool) -> str:  # noqa: FBT001 - private
    """Return the lines of one series with places for its numbers, and for its exemplars after each bucket."""
    name = family.name
    texts = (_escaped(value).replace("%", "%%") for value in labels)
    pairs = sorted(zip(family.labels, texts, strict=True))
    whole = _braced([f'{label}="{text}"' for label, text in pairs])
    if family.type != "histogram":
        return f"{name}{whole} {place}\n"
    before = "".join(f'{label}="{text}",' for label, text in pairs if label < "le")
    after = "".join(f',{label}="{text}"' for label, text in pairs if label > "le")
    exemplar = "%b" if openmetrics else ""
    buckets = [
        f'{name}_bucket{{{before}le="{number(bound)}"{after}}} {place}{exemplar}\n' for bound in (*family.bounds, inf)
    ]
    return "".join([*buckets, f"{name}_count{whole} {place}\n{name}_sum{whole} %b\n"])


def _braced(pairs: Sequence[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    return sendable(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _exemplar(found: Exemplar) -> str:
    seconds, rest = divmod(found.at, 1_000_000_000)
    span = f'span_id="{_escaped(found.span_id)}",' if found.span_id else ""
    return f' # {{{span}trace_id="{_escaped(found.trace_id)}"}} {number(found.value)} {seconds}.{rest:09d}'
