"""Feeds the aggregator: what this link has seen is counted, whatever later links drop."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._event import AT
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.typing import EventDict

__all__ = ["Aggregator", "epoch_ns"]

_ROUNDS_UP: Final = re.compile(r"[.,]\d{6}[5-9]")


def epoch_ns(timestamp: object) -> int:
    """Return the epoch ns of an event's `timestamp`, to the nearest microsecond; of now, if none can be read.

    >>> epoch_ns("2023-11-16T18:17:03.979960Z"), epoch_ns("2023-11-16T18:17:03.979959999Z")
    (1700158623979960000, 1700158623979960000)
    """
    text = str(timestamp)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _clock.time_ns()
    if _ROUNDS_UP.search(text):  # `fromisoformat` cuts, other readers of JSON round: so do we, everywhere
        moment += timedelta(microseconds=1)
    # Not .timestamp() * 1e9: a float has no room for microseconds of this century in ns.
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000_000 + moment.microsecond * 1_000


class Aggregator:
    """Folds each event into a store and hands it on unchanged. The owner of the store sees to its lock."""

    def __init__(self, store: Store) -> None:
        self._fold = store.fold

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Fold the event."""
        at = event_dict.pop(AT, None)
        self._fold(event_dict, at if at is not None else epoch_ns(event_dict.get("timestamp")))
        return event_dict
