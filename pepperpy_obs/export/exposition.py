"""Rows as text: Prometheus's text format 0.0.4 and OpenMetrics 1.0.0, byte for byte as prometheus_client writes them.

It is here because prometheus_client takes a second for 10,000 histograms.
"""

from __future__ import annotations

from collections.abc import Iterable

from pepperpy_obs import _guard
from pepperpy_obs.export.block import LineTemplates
from pepperpy_obs.export.families import Family, MetricFamily

__all__ = ["Exposition"]


class Exposition:
    """Renders families; one for each place that is scraped, as it remembers the labels that it saw there last.

    May be used by several threads at once.
    """

    def __init__(self) -> None:
        self._remembered: dict[tuple[Family, bool], LineTemplates] = {}

    def text(self, families: Iterable[MetricFamily]) -> bytes:
        """Return the text format 0.0.4. A family that cannot be rendered is left out and counted as our failure."""
        return b"".join(self._lines(families, openmetrics=False))

    def openmetrics(self, families: Iterable[MetricFamily]) -> bytes:
        """Return OpenMetrics 1.0.0, with exemplars."""
        return b"".join([*self._lines(families, openmetrics=True), b"# EOF\n"])

    def _lines(self, families: Iterable[MetricFamily], *, openmetrics: bool) -> list[bytes]:
        lines: list[bytes] = []
        seen: set[Family] = set()
        for filled in families:
            try:
                lines += self._family(filled, openmetrics=openmetrics)
            except Exception as error:
                _guard.failed("collect", error)
            seen.add(filled.family)
        for which in list(self._remembered):
            if which[1] is openmetrics and which[0] not in seen:
                self._remembered.pop(which, None)
        return lines

    def _family(self, filled: MetricFamily, *, openmetrics: bool) -> list[bytes]:
        family = filled.family
        blocks = self._remembered.get((family, openmetrics))
        if blocks is None:
            blocks = self._remembered[family, openmetrics] = LineTemplates(family, openmetrics=openmetrics)
        is_histogram = family.type == "histogram"
        lines = blocks.samples(filled.samples) if is_histogram else blocks.values(filled.values)
        return [_head(family, openmetrics=openmetrics).encode(), *lines]


def _head(family: Family, *, openmetrics: bool) -> str:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    if not openmetrics:
        return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.type}\n"
    text = text.replace('"', r"\"")
    unit = f"# UNIT {family.stem} {family.unit}\n" if family.unit else ""
    return f"# HELP {family.stem} {text}\n# TYPE {family.stem} {family.type}\n{unit}"
