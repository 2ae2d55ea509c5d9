"""Logs read for what they cost: of a stretch of time, and priced anew on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pepperpy_obs.aggregate.requests import is_request, total_of
from pepperpy_obs.aggregate.series import Clean
from pepperpy_obs.aggregate.series_data import EXACT, ZERO
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.events import VOCABULARY
from pepperpy_obs.formats.read import read_event
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.replay.fast_groups import Line
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.reports.comparison import SAME_TOKENS, Comparison, Difference
from pepperpy_obs.reports.totals import NO_LABEL
from pepperpy_obs.reports.what_if import check_priced

__all__ = ["CostFold", "Repricing"]

_TOKENS: Final = {*(name for name in VOCABULARY if name.endswith("_tokens")), "requests"}
_NEVER: Final = 1 << 70
_TRIFLE: Final = 60_000_000_000


class Repricing:
    """Prices each request of a log once more, and keeps what differs, by the model that the log names.

    With `model`, as if that model had answered with the same tokens (SetupError if it has no price); else under
    the prices that `pricer` has, where a provider's own word stays what it is. Answers from a local cache, and
    usage that was counted before, cost nothing on either side.
    """

    def __init__(self, pricer: Pricer, title: str, model: str | None = None) -> None:
        self._pricer = pricer
        self._title = title
        self._model = model
        self._rows: dict[str, list[Any]] = {}
        if model is not None:
            check_priced(pricer, model)

    def see(self, event: Mapping[str, Any], at: int) -> None:
        """Take an event of its time (epoch ns)."""
        if not is_request(event) or event.get("cache_hit") is True:
            return
        before = _counted(event.get("cost_usd"))
        after = self._priced(event, at)
        if before is None and after is None:
            return
        row = self._rows.setdefault(event.get("model") or NO_LABEL, [0, ZERO, ZERO, ZERO, 0, ZERO, 0, ZERO])
        row[0] += 1
        row[1] = EXACT.add(row[1], before or ZERO)
        row[2] = EXACT.add(row[2], after or ZERO)
        if before is not None and after is not None:
            row[3] = EXACT.add(row[3], EXACT.subtract(after, before))
        elif after is not None:
            row[4] += 1
            row[5] = EXACT.add(row[5], after)
        elif before is not None:
            row[6] += 1
            row[7] = EXACT.add(row[7], before)

    def comparison(self) -> Comparison:
        """Return what differs so far."""
        rows = {name: _difference(*row) for name, row in self._rows.items()}
        return Comparison.of(self._title, "" if self._model is None else SAME_TOKENS, rows)

    def _priced(self, event: Mapping[str, Any], at: int) -> Decimal | None:
        if event.get("usage_duplicate"):
            # It has a cost where none was asked for below; there it is priced now.
            return None
        if self._model is not None:
            entries = [_tokens(entry) for entry in event.get("usage_entries", ())]
            event = _tokens(event) | ({"usage_entries": entries} if entries else {}) | {"model": self._model}
        cost = self._pricer.price(event, at)
        return None if cost is None else cost.total


def _counted(cost: Decimal | None) -> Decimal | None:
    """Return a cost, if the store counts it: one of a billion digits would never be written out."""
    try:
        return None if cost is None else total_of([str(cost)])
    except ValueError:
        return None


def _tokens(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in _TOKENS if name in event}


def _difference(  # noqa: PLR0917 - a row of the table
    requests: int,
    recorded: Decimal,
    other: Decimal,
    difference: Decimal,
    newly: int,
    newly_cost: Decimal,
    lost: int,
    lost_cost: Decimal,
) -> Difference:
    """Return the row; what no request has is None, not 0."""
    return Difference(
        requests,
        None if newly == requests else recorded,
        None if lost == requests else other,
        None if newly + lost == requests else difference,
        newly,
        newly_cost,
        lost,
        lost_cost,
    )


class CostFold(Fold):
    """Folds the events from `since` until before `until` (epoch ns), and shows each to the repricings.

    Its groups have no limit: each is exact, and takes about 3 kB. `clean` hides what labels must not show.
    """

    def __init__(
        self,
        fields: Sequence[str] = (),
        repricings: Sequence[Repricing] = (),
        *,
        since: int = -_NEVER,
        until: int = _NEVER,
        clean: Clean | None = None,
    ) -> None:
        super().__init__(Store(_NEVER, fields, clean, windows=False))
        self._read = read_event
        self._repricings = repricings
        self._since = since
        self._until = until
        self.taken = 0
        """Events of that stretch of time."""
        self.first, self.last = _NEVER, -_NEVER
        """When the first and the last event were, of that stretch or not."""

    @property
    def missing(self) -> int:
        """Nanoseconds from `since` on of which the logs have no event, nor any from before; 0 of a trifle."""
        late = self.first - self._since
        asked = min(self._until, self.last) - self._since
        return late if self._since > -_NEVER and late > max(_TRIFLE, asked // 1000) else 0

    def _fold_lines(self, lines: list[bytes], numbers: Sequence[int], name: str) -> None:
        for number, line in zip(numbers, lines, strict=True):
            self._line(Line(line, name, number))

    def _take(self, event: dict[str, Any], at: int) -> None:
        self.first, self.last = min(self.first, at), max(self.last, at)
        if self._since <= at < self._until:
            self.taken += 1
            super()._take(event, at)
            for repricing in self._repricings:
                repricing.see(event, at)
