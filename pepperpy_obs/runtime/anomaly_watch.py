"""How sure the surest anomalies of the latest steps are: looked for every five minutes where a rule asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from pepperpy_obs._guard import note
from pepperpy_obs.errors import ObsError

if TYPE_CHECKING:
    from pepperpy_obs.readings.source import Source

__all__ = ["EVERY", "STAT", "AnomalyWatch"]

STAT: Final = "anomaly"
"""What rules call it; 1 is the threshold from which on a finding is odd."""
EVERY: Final = 300.0
"""Seconds between two looks: a look at weeks of a store takes seconds."""
_LATEST: Final = "15m"
_LATEST_HOURS: Final = "2h"
"""Where only steps of an hour are kept, the latest that is over began up to two hours ago."""


class AnomalyWatch:
    """The latest findings. `run` is called by a timed job, `surest` by rules."""

    def __init__(self, source: Callable[[], Source]) -> None:
        self._source = source
        self._found: Mapping[tuple[tuple[str, str], ...], float] = {}

    def surest(self) -> Mapping[tuple[tuple[str, str], ...], float]:
        """Return how sure the surest finding is, by agent, operation and what was odd."""
        return self._found

    def run(self) -> None:
        """Look at the history of the runtime once more."""
        from pepperpy_obs.sources.judged import anomalies  # noqa: PLC0415 - loaded where a rule asks for it

        source = self._source()
        try:
            window = _LATEST if source.config.store_url is not None else _LATEST_HOURS
            self._found = anomalies(window, source=source).surest()
        except ObsError as error:
            note("anomalies", f"anomalies could not be looked for: {error}")
