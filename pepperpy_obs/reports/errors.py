"""What failed: errors by type, by operation and by agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pepperpy_obs.aggregate.series_data import SeriesData
from pepperpy_obs.reports import table
from pepperpy_obs.reports.report import Report
from pepperpy_obs.reports.totals import Totals

__all__ = ["ErrorReport", "error_rate", "error_report", "most_first"]


@dataclass(frozen=True, slots=True)
class ErrorReport(Report):
    """Calls that raised; cancelled and abandoned ones are no errors."""

    total: int
    rate: float | None
    """Of all finished calls; None of none."""
    by_type: Mapping[str, int] | None
    by_operation: Mapping[str, Mapping[str, int]] | None
    """Operation -> error type -> calls."""
    by_agent: Mapping[str, int]

    def __str__(self) -> str:
        """Show the errors by operation and type."""
        if not self.total:
            return "Errors: none"
        head = f"Errors: {table.count(self.total)} ({table.share(self.rate)} of all calls)"
        rows = [
            (operation, name, table.count(number))
            for operation, types in (self.by_operation or {}).items()
            for name, number in types.items()
        ]
        return f"{head}\n{table.columns(['operation', 'error type', 'calls'], rows, words=2)}"


def error_rate(data: SeriesData) -> float | None:
    """Return the share of failed calls; None of no calls."""
    return data.outcomes.get("error", 0) / data.calls if data.calls else None


def error_report(totals: Totals) -> ErrorReport:
    """Make the report."""
    everything = totals.everything
    return ErrorReport(
        everything.outcomes.get("error", 0),
        error_rate(everything),
        most_first(everything.errors),
        {name: most_first(data.errors) for name, data in totals.operations.items() if data.errors},
        {name: data.outcomes["error"] for name, data in totals.agents.items() if "error" in data.outcomes},
    )


def most_first(errors: Mapping[str, int]) -> dict[str, int]:
    """Return the counts, the greatest first."""
    return dict(sorted(errors.items(), key=lambda item: (-item[1], item[0])))
