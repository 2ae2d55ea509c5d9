"""The table's main columns as a picture: bars on a logarithmic scale, written as plain SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, log10
from pathlib import Path
from typing import Any, Final

__all__ = ["bars", "plot_table"]

_LEFT: Final = 290
_WIDTH: Final = 560
_ROW: Final = 30
_COLOURS: Final = {"sync": "#4269d0", "async": "#97bbf5", "cpu": "#efb118"}
_SAYS: Final = {"sync": "caller, sync", "async": "caller, async", "cpu": "CPU in all, until flushed"}
_STYLE: Final = "font-family:system-ui,sans-serif;font-size:12px;fill:#333"


def plot_table(measured: Mapping[str, Mapping[str, Any]], path: Path, title: str) -> None:
    """Write a bar for each subject and column; a bar of length zero is a tenth of the floor, or less."""
    shown = sorted((item for item in measured.items() if item[0] != "bare"), key=lambda item: item[1]["cpu"]["ratio"])
    most = ceil(log10(max(found[key]["ratio"] for _, found in shown for key in _COLOURS)))
    scale = _WIDTH / (most + 1)
    parts = [_text(_LEFT, 22, title, weight="bold")]
    for place, (key, says) in enumerate(_SAYS.items()):
        parts += [_bar(_LEFT + place * 180, 34, 10, 10, _COLOURS[key]), _text(_LEFT + 14 + place * 180, 43, says)]
    bottom = 60 + _ROW * len(shown)
    for power in range(-1, most + 1):
        x = _LEFT + (power + 1) * scale
        colour = "#d33" if power == 0 else "#ddd"
        parts.append(f'<line x1="{x:.0f}" y1="54" x2="{x:.0f}" y2="{bottom}" stroke="{colour}"/>')
        parts.append(_text(x, bottom + 16, "floor" if power == 0 else f"{10.0**power:g} x", anchor="middle"))
    for row, (name, found) in enumerate(shown):
        y = 60 + row * _ROW
        parts.append(_text(_LEFT - 8, y + 16, name, anchor="end", weight="bold" if name.startswith("ours") else ""))
        for place, (key, colour) in enumerate(_COLOURS.items()):
            length = max(0.0, log10(max(found[key]["ratio"], 0.1)) + 1) * scale
            parts.append(_bar(_LEFT, y + place * 8, length, 7, colour))
    _write(path, _LEFT + _WIDTH + 40, bottom + 30, parts)


def bars(shares: Sequence[tuple[str, float]], path: Path, title: str, unit: str) -> None:
    """Write one bar for each part of a whole: where the time goes."""
    most = max(share for _, share in shares)
    parts = [_text(_LEFT, 22, title, weight="bold")]
    for row, (name, share) in enumerate(shares):
        y = 40 + row * 22
        length = share / most * (_WIDTH - 60)
        parts += [_text(_LEFT - 8, y + 12, name, anchor="end"), _bar(_LEFT, y, length, 16, _COLOURS["sync"])]
        parts.append(_text(_LEFT + length + 6, y + 12, f"{share:.2f} {unit}"))
    _write(path, _LEFT + _WIDTH + 40, 60 + 22 * len(shares), parts)


def _bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "") -> str:
    bold = ' font-weight="bold"' if weight else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{bold} style="{_STYLE}">{escape(text)}</text>'


def _write(path: Path, width: float, height: float, parts: Sequence[str]) -> None:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">'
    ground = f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>'
    path.write_text("\n".join([head, ground, *parts, "</svg>", ""]))
