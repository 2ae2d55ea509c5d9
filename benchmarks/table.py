"""The one table that a run prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["as_table", "markdown", "rows_of"]

_COLUMNS: Final = (
    "subject", "sync ns", "x floor", "async ns", "x floor", "4 threads", "100 ops", "CPU ns", "x floor", "100 ops",
    "p50 us", "p99 us", "p99.9 us", "MB kept", "MB peak",
)  # fmt: skip


def rows_of(measured: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return the table's cells: ns are what is added to the bare call, x is the multiple of what the floor adds."""
    rows: list[list[str]] = []
    for name, found in sorted(measured.items(), key=lambda item: item[1]["cpu"]["ratio"]):
        tail, memory = found["tail"], found.get("memory")
        all_data = [name]
        for column in ("sync", "async"):
            all_data += [f"{found[column]['added']:,.0f}", _times(found[column]["ratio"])]
        all_data += [_times(found["threads"]["ratio"]), _times(found["hundred"]["ratio"])]
        all_data += [f"{found['cpu']['added']:,.0f}"]
        all_data += [_times(found[column]["ratio"]) for column in ("cpu", "cpu_of_hundred")]
        all_data += [f"{tail[key] / 1000:,.1f}" for key in ("p50", "p99", "p99.9")]
        all_data += [f"{memory[key]:,.1f}" if memory else "" for key in ("retained", "peak")]
        rows.append(all_data)
    return rows


def _times(ratio: float) -> str:
    return f"{ratio:,.2f}" if abs(ratio) < 10 else f"{ratio:,.0f}"


def as_table(rows: Sequence[Sequence[str]], columns: Sequence[str] = _COLUMNS) -> str:
    """Return rows as aligned text."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = [
        "  ".join([all_data[0].ljust(widths[0]), *map(str.rjust, all_data[1:], widths[1:])])
        for all_data in (columns, *rows)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(rows: Sequence[Sequence[str]], columns: Sequence[str] = _COLUMNS) -> str:
    """Return rows as a table in Markdown."""
    rule = ["---", *("---:" for _ in columns[1:])]
    return "\n".join(f"| {' | '.join(all_data)} |" for all_data in (columns, rule, *rows))
