"""The steps of a history by what they are about: an agent's operation, step after step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pepperpy_obs.aggregate.series_data import NO_CALLS, Exemplar, SeriesData
from pepperpy_obs.readings import Reading

__all__ = ["Step", "Subject", "steps_by_subject"]


class Subject(NamedTuple):
    """Whose calls a series is about."""

    agent: str
    operation: str

    def __str__(self) -> str:
        """Show it as people say it."""
        return f"{self.operation} of {self.agent}" if self.agent else self.operation


class Step(NamedTuple):
    """What one subject did in one step."""

    at: float
    """When the step begins, epoch seconds."""
    calls: int
    errors: int
    timed: int
    """Calls whose duration is known."""
    logs: float
    """The sum of the logarithms of their durations in seconds."""
    requests: int
    """Requests to models whose cost is known."""
    cost: float
    """What they cost, in dollars: for statistics, so a float will do."""
    slowest: Exemplar | None


def steps_by_subject(history: Sequence[Reading]) -> Mapping[Subject, Sequence[Step]]:
    """Return all steps of each subject from its first call on, those without a call too."""
    merged: list[tuple[float, dict[Subject, SeriesData]]] = []
    for reading in history:
        of_step: defaultdict[Subject, list[SeriesData]] = defaultdict(list)
        for key, data in reading.snapshot.series.items():
            of_step[Subject(key.agent, key.operation)].append(data)
        begin = (reading.snapshot.start or 0) / 1e9
        merged.append((begin, {subject: SeriesData.merged(some) for subject, some in of_step.items()}))
    found: defaultdict[Subject, list[Step]] = defaultdict(list)
    for at, of_step_data in merged:
        for subject in found.keys() | of_step_data.keys():
            found[subject].append(_step(at, of_step_data.get(subject, NO_CALLS)))
    return found


def _step(at: float, data: SeriesData) -> Step:
    duration = data.duration
    return Step(
        at,
        data.calls,
        data.outcomes.get("error", 0),
        duration.positive.total,
        duration.log_sum if duration.positive.total else 0.0,
        data.requests.priced,
        float(data.requests.cost),
        data.exemplar,
    )
