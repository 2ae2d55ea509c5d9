"""Aligned text for people: tables, and numbers as one would say them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal

__all__ = ["columns", "count", "harmless", "money", "pairs", "seconds", "share", "span"]

_DAY = 86_400.0
_TWO_DAYS = 2 * _DAY
_HOUR = 3600.0
_TWO_HOURS = 2 * _HOUR
_TERMINAL = 80
_SHORTEST = 16
_SHORT = Context(prec=4, rounding=ROUND_HALF_EVEN)


def columns(headers: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1, cut: bool = False) -> str:
    """Return rows under headers; the first `words` columns are set left, numbers right.

    With `cut`, names in the first column lose their middles where the lines would not fit into 80 columns.

    What a terminal would obey (a line feed, an escape sequence in a model's name) is shown as "?".

    >>> print(columns(["who", "calls"], [["planner", "7"], ["critic", "12"]]))
    who      calls
    planner      7
    critic      12
    """
    lines = [headers, *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    room = max(_SHORTEST, _TERMINAL - sum(widths[1:]) - 2 * len(widths[1:]))
    if cut and widths[0] > room:
        lines = [[_without_middle(line[0], room), *line[1:]] for line in lines]
        widths[0] = room
    sides = ["<"] * words + [">"] * (len(widths) - words)
    layout = "  ".join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True))
    return "\n".join(layout.format(*line).rstrip() for line in lines)


def pairs(facts: Mapping[str, str]) -> str:
    """Return one line for each fact.

    >>> print(pairs({"calls": "12", "error rate": "8.3 %"}))
    calls          12
    error rate  8.3 %
    """
    names, values = max(map(len, facts)), max(map(len, facts.values()))
    return "\n".join(f"{name.ljust(names)}  {value.rjust(values)}" for name, value in facts.items())


def seconds(value: float | None) -> str:
    """Return a duration in the unit that suits it, and "-" for None.

    >>> seconds(0.0000042), seconds(0.1234), seconds(12.34), seconds(None)
    ('4.20 us', '123 ms', '12.3 s', '-')
    """
    if value is None:
        return "-"
    for limit, factor, unit in ((0.001, 1e6, "us"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{_three(value * factor)} {unit}"
    return f"{_three(value)} s" if value < 1000 else f"{value:,.0f} s"


def share(value: float | None) -> str:
    """Return a part of one in per cent, and "-" for None."""
    return "-" if value is None else f"{100 * value:.1f} %"


def count(value: float | None) -> str:
    """Return a number with its thousands set apart, and "-" for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def money(value: Decimal | None) -> str:
    """Return dollars: cents from $1 on, four figures below; reports hold the exact amount.

    >>> money(Decimal("1234.5678")), money(Decimal("0.0012345678")), money(Decimal(0))
    ('$1,234.57', '$0.001235', '$0.00')
    """
    if value is None:
        return "-"
    return f"${value:,.2f}" if value == 0 or value >= 1 else f"${_SHORT.plus(value):f}"


def span(window: float | None, length: float, start: str | None) -> str:
    """Return what stretch of time a report is about; `start` is in ISO 8601, UTC.

    >>> span(None, 90.0, "2026-11-01T12:00:00Z"), span(300.0, 300.0, "2026-11-01T12:00:00Z"), span(None, 0.0, None)
    ('from 2026-11-01 12:00:00 UTC, 90.0 s', 'last 300 s', '0.0 s')
    """
    if window is not None:
        return f"last {window:,.0f} s"
    long = f"{length:,.1f} s"
    if length >= _TWO_DAYS:
        long = f"{length / _DAY:,.1f} days"
    elif length >= _TWO_HOURS:
        long = f"{length / _HOUR:,.1f} hours"
    return long if start is None else f"from {start[:10]} {start[11:19]} UTC, {long}"


def harmless(name: str) -> str:
    """Return a name that no spreadsheet takes for a formula; names may come from anybody.

    >>> harmless("gpt-4o"), harmless("=1+1")
    ('gpt-4o', "'=1+1")
    """
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _shown(cell: str) -> str:
    return cell if cell.isprintable() else "".join(char if char.isprintable() else "?" for char in cell)


def _without_middle(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    kept = width - 3
    return f"{name[: kept - kept // 2]}...{name[-(kept // 2) :]}"


def _three(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
