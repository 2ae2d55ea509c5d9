"""How a runtime does its own work: what it lost, where it failed, what its outputs took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Self

from pepperpy_obs.readings.alerts import AlertStats
from pepperpy_obs.readings.deliveries import DeliveryStats
from pepperpy_obs.readings.merging import added, chosen, merged
from pepperpy_obs.readings.stores import StoreStats

__all__ = ["UNKNOWN", "OutputStats", "SelfStats"]


@dataclass(frozen=True, slots=True)
class OutputStats:
    """One output: how many lines it took, how many batches it failed to take, and why the latest one."""

    lines: int = 0
    failures: int = 0
    error: str = ""
    """Why the latest batch was not taken; "" after one that was."""

    def merge(self, other: Self) -> Self:
        """Return the figures of both; of two errors one is kept, the same in whatever order."""
        return type(self)(self.lines + other.lines, self.failures + other.failures, max(self.error, other.error))


@dataclass(frozen=True, slots=True)
class SelfStats:
    """How a runtime does its own work."""

    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    """Log lines that did not leave, by the link or output that kept them; they were counted all the same."""
    errors: Mapping[str, int] = field(default_factory=dict[str, int])
    """Our own failures by stage."""
    outputs: Mapping[str, OutputStats] = field(default_factory=dict[str, OutputStats])
    """Every output by its name."""
    deliveries: Mapping[str, DeliveryStats] = field(default_factory=dict[str, DeliveryStats])
    """The books of every receiver that events are sent to, by its name."""
    store: StoreStats | None = None
    """The books of the store that is written to; None of none."""
    started_at: int | None = None
    """When counting began, epoch ns: the first of all that are added up; None where that is not known."""
    alerts: Mapping[str, AlertStats] = field(default_factory=dict[str, AlertStats])
    """Alerts of rules by their fingerprints: pending, firing, and for a while resolved ones."""
    known: bool = True
    """False of a source that cannot know: only its writer knows what a log lacks."""

    def ended(self) -> Self:
        """Return what is left of them when the process has ended: counts stay, and what is wrong now is over."""
        return replace(
            self,
            outputs={name: replace(one, error="") for name, one in self.outputs.items()},
            deliveries={name: one.ended() for name, one in self.deliveries.items()},
            store=self.store and self.store.ended(),
        )

    def merge(self, other: Self) -> Self:
        """Return the figures of both; exactly associative and commutative."""
        return type(self)(
            added(self.dropped, other.dropped),
            added(self.errors, other.errors),
            merged(self.outputs, other.outputs),
            merged(self.deliveries, other.deliveries),
            self.store.merge(other.store) if self.store and other.store else self.store or other.store,
            chosen(self.started_at, other.started_at, min),
            merged(self.alerts, other.alerts),
            self.known or other.known,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return {
            "dropped": dict(self.dropped),
            "errors": dict(self.errors),
            "outputs": {name: asdict(one) for name, one in self.outputs.items()},
            "deliveries": {name: one.to_dict() for name, one in self.deliveries.items()},
            "store": self.store and self.store.to_dict(),
            "started_at": self.started_at,
            "alerts": {name: one.to_dict() for name, one in self.alerts.items()},
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_dict` was asked of."""
        return cls(
            dict(plain["dropped"]),
            dict(plain["errors"]),
            {name: OutputStats(**one) for name, one in plain["outputs"].items()},
            {name: DeliveryStats(**one) for name, one in plain["deliveries"].items()},
            StoreStats.from_dict(plain["store"]) if plain.get("store") else None,
            plain.get("started_at"),
            {name: AlertStats.from_dict(one) for name, one in plain.get("alerts", {}).items()},
        )


UNKNOWN: Final = SelfStats(known=False)
"""What a source gives that cannot know."""
