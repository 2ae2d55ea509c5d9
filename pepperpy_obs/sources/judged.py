"""What judgement finds in the history of a source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pepperpy_obs import _clock
from pepperpy_obs.errors import SetupError
from pepperpy_obs.judgement.anomalies import AnomaliesReport, find_anomalies
from pepperpy_obs.judgement.trends import TrendsReport, find_trends
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.source import Source
from pepperpy_obs.readings.windows import Window, seconds_of
from pepperpy_obs.sources.opening import as_source

__all__ = ["anomalies", "trends"]

_FINE: Final = (("14d", "5m"), ("48h", "5m"), ("90d", "1h"), ("24h", "1h"))
"""What anomalies are looked for in, by default: the first that a source keeps."""
_COARSE: Final = (("90d", "1h"), ("24h", "1h"))


def anomalies(
    window: Window = "24h",
    *,
    step: Window | None = None,
    past: Window | None = None,
    source: Source | str | Path | None = None,
) -> AnomaliesReport:
    """Return what was odd in the latest window, as the source's own past has it.

    `past` is the stretch that is learned from, with the window at its end, in steps of `step`: by default two weeks or
    what the source keeps of them, in steps of five minutes, or of an hour where it keeps no others. A process without
    a store keeps an hour's steps for a day: too little to tell much. `source` as of `stats`.

    >>> print(anomalies())
    Anomalies: none (...)
    """
    found = as_source(source)
    history = _history(found, past, step, _FINE)
    newest = max((one.at for one in history), default=_clock.time_ns())
    return find_anomalies(history, newest / 1e9 - seconds_of(window))


def trends(
    window: Window | None = None, *, step: Window | None = None, source: Source | str | Path | None = None
) -> TrendsReport:
    """Return what has changed for good, or keeps changing, in a window: by default 90 days or what the source keeps.

    >>> print(trends())
    Trends: none (...)
    """
    return find_trends(_history(as_source(source), window, step, _COARSE))


def _history(
    source: Source, window: Window | None, step: Window | None, usual: Sequence[tuple[str, str]]
) -> Sequence[Reading]:
    """Return the history that is asked for, or the first of the usual ones that the source keeps."""
    if window is not None and step is not None:
        return source.history(window, step)
    tries = [(usual[0][0] if window is None else window, each if step is None else step) for _, each in usual]
    if window is None:
        tries = [(each, usual_step if step is None else step) for each, usual_step in usual]
    refused: SetupError | None = None
    for each, length in tries:
        try:
            return source.history(each, length)
        except SetupError as error:
            refused = refused or error
    raise refused or SetupError("no history was asked for")
