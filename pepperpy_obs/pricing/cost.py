"""The cost of one answer, and its source."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Final, Literal, NamedTuple

__all__ = ["EXACT", "QUOTIENT", "ZERO", "Cost", "Source"]

Source = Literal["provider", "custom", "genai-prices"]

EXACT: Final = Context(prec=60)
"""Wide enough that no sum or product of prices is ever rounded, whatever a thread's own context says."""
QUOTIENT: Final = Context(prec=28)
"""For the few prices per hour: as many digits as genai-prices gives."""
ZERO: Final = Decimal(0)


class Cost(NamedTuple):
    """An exact price in US dollars.

    `by_type` splits `total` exactly: `input` (neither cached nor audio), `cache_read`,
    `cache_write`, `output` (no reasoning, no audio), `reasoning`, `audio_input`,
    `audio_output`, and `request` for what is charged otherwise or cannot be told apart.
    `saved` is what cache reads saved against the plain input price. `version` names the table.
    """

    total: Decimal
    by_type: Mapping[str, Decimal]
    saved: Decimal
    source: Source
    version: str = ""
