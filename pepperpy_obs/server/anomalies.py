"""``/anomalies``: what was odd of late, judged anew every few minutes at most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pepperpy_obs import _clock
from pepperpy_obs.http.pages import Answer, Request
from pepperpy_obs.readings.source import Source
from pepperpy_obs.sources.judged import anomalies

__all__ = ["AnomaliesPage"]

_FOR: Final = 600_000_000_000
"""Nanoseconds for which a judgement stands: it reads a long history, and what it looks at are steps of minutes."""


class AnomaliesPage:
    """Answers ``/anomalies?window=24h`` of a source; ``past`` and ``step`` say what is learned from.

    A process judges itself by the hours of a day only (`is_live`), unless they are given: to read weeks in steps of
    minutes takes seconds, which are its own. The pages of its store or log take them.
    """

    def __init__(self, source: Source, *, is_live: bool) -> None:
        self._source = source
        self._usual = {"past": "24h", "step": "1h"} if is_live else {}
        self._known: dict[tuple[tuple[str, str], ...], tuple[int, Answer]] = {}

    def __call__(self, request: Request) -> Answer:
        """Answer with the report; a recent one if the same was asked for."""
        query: Mapping[str, str] = {**self._usual, **request.query}
        asked = tuple((name, query[name]) for name in ("window", "past", "step") if name in query)
        now = _clock.perf_counter_ns()
        known = self._known.get(asked)
        if known is not None and now - known[0] < _FOR:
            return known[1]
        report = anomalies(
            query.get("window", "24h"), step=query.get("step"), past=query.get("past"), source=self._source
        )
        answer = Answer(report.to_json(), "application/json")
        # One judgement is kept, and no list of them: anybody may ask for any window.
        self._known = {asked: (now, answer)}
        return answer
