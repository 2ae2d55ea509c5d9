"""An alert as a reading has it: for pages, scrapes and health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

__all__ = ["AlertStats"]

_RANK: Final = {"resolved": 0, "pending": 1, "firing": 2}


@dataclass(frozen=True, slots=True, order=True)
class AlertStats:
    """One alert of one rule. Times are UTC epoch nanoseconds; 0 of one that has not come."""

    rule: str
    state: str
    """pending, firing or resolved."""
    severity: str
    labels: tuple[tuple[str, str], ...] = ()
    value: float = 0.0
    active_at: int = 0
    fired_at: int = 0
    resolved_at: int = 0

    def merge(self, other: Self) -> Self:
        """Return the graver of both, as two processes see the same alert; the same in whatever order."""
        return max(self, other, key=lambda one: (_RANK.get(one.state, 0), one))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return asdict(self) | {"labels": [list(one) for one in self.labels]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_dict` was asked of."""
        made: dict[str, Any] = {**plain, "labels": tuple((str(name), str(value)) for name, value in plain["labels"])}
        return cls(**made)
