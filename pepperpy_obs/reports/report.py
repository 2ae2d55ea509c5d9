"""What all reports have in common: plain values and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, Final

__all__ = ["Report", "plain"]

_PLAIN: Final = frozenset({bool, float, int, str, type(None)})


class Report:
    """A frozen dataclass that turns into plain values; `print` shows it as tables."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the fields; money as strings, so that no digit is lost."""
        return {name: plain(value) for name, value in _fields(self)}

    def to_json(self) -> str:
        """Return the same as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)


def plain(value: Any) -> Any:
    """Return the plain form of anything that stands in a report."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(part) for name, part in _fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return value


def _fields(report: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(report, field.name)) for field in fields(report)]
