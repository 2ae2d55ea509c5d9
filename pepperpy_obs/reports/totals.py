"""A snapshot added up by provider, model, operation and agent: each way once, however many reports read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from pepperpy_obs.aggregate.series import ALSO_BY, SeriesKey
from pepperpy_obs.aggregate.series_data import LlmStats, SeriesData
from pepperpy_obs.aggregate.snapshot import Snapshot

__all__ = ["NO_LABEL", "Totals", "tokens_of"]

NO_LABEL: Final = "(none)"
"""The key of sums where the event has no such label."""


@dataclass(frozen=True)
class Totals:
    """Sums over the series of one snapshot."""

    snapshot: Snapshot

    @cached_property
    def everything(self) -> SeriesData:
        """All calls."""
        return SeriesData.merged(list(self.snapshot.series.values()))

    @cached_property
    def operations(self) -> Mapping[str, SeriesData]:
        """Calls by operation, sorted by name."""
        return self._by(lambda key: key.operation)

    @cached_property
    def agents(self) -> Mapping[str, SeriesData]:
        """Calls by agent."""
        return self._by(lambda key: key.agent)

    @cached_property
    def providers(self) -> Mapping[str, SeriesData]:
        """Calls by provider."""
        return self._by(lambda key: key.provider)

    @cached_property
    def models(self) -> Mapping[str, SeriesData]:
        """Calls by model."""
        return self._by(lambda key: key.model)

    @cached_property
    def attributes(self) -> Mapping[str, Mapping[str, LlmStats]]:
        """Requests by each field of the user's that was asked for, and its value; cross tables are made apart."""
        groups: dict[str, dict[str, LlmStats]] = {}
        for (name, value), requests in self.snapshot.attributes.items():
            if ALSO_BY not in name:
                groups.setdefault(name, {})[value or NO_LABEL] = requests
        return groups

    @property
    def start(self) -> str | None:
        """When the stretch begins, to the second, in ISO 8601; None if nothing happened."""
        start = self.snapshot.start
        return None if start is None else f"{datetime.fromtimestamp(start // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def per_second(self, number: int) -> float | None:
        """Return a rate over the stretch, or over one second if it is shorter; None if nothing happened.

        One call in the millisecond since the first is no thousand calls a second.
        """
        return number / max(self.snapshot.seconds, 1.0) if number else None

    def _by(self, whose: Callable[[SeriesKey], str]) -> dict[str, SeriesData]:
        alone: dict[str, SeriesData] = {}
        groups: dict[str, list[SeriesData]] = {}
        for key, data in self.snapshot.series.items():
            name = whose(key) or NO_LABEL
            # Most operations have one series: no list, which the interpreter's collector would have to look at.
            if (first := alone.setdefault(name, data)) is not data:
                groups.setdefault(name, [first]).append(data)
        if len(alone) == 1:
            return dict.fromkeys(alone, self.everything)
        return {name: SeriesData.merged(groups[name]) if name in groups else alone[name] for name in sorted(alone)}


def tokens_of(data: SeriesData) -> int:
    """Return input and output together; caches and reasoning are parts of these."""
    tokens = data.requests.tokens
    return tokens.get("input", 0) + tokens.get("output", 0) + tokens.get("unsplit", 0)
