"""The normal form of usage, the same for all providers.

Input counts everything that was read, cached or not; output everything that was written,
reasoning included. All other counts are parts of one of the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from decimal import Decimal
from typing import Any, Final

__all__ = ["COUNTS", "FIELD_NAMES", "INPUT_PARTS", "OUTPUT_PARTS", "Usage", "fields", "to_fields"]

INPUT_PARTS: Final = (
    "cache_read_tokens",
    "cache_write_tokens",
    "audio_input_tokens",
    "image_input_tokens",
    "video_input_tokens",
)
OUTPUT_PARTS: Final = ("reasoning_tokens", "audio_output_tokens", "image_output_tokens", "video_output_tokens")
COUNTS: Final = (
    "input_tokens",
    "output_tokens",
    *INPUT_PARTS,
    "cache_write_1h_tokens",
    "cache_write_12h_tokens",
    "audio_cache_read_tokens",
    "image_cache_read_tokens",
    "video_cache_read_tokens",
    *OUTPUT_PARTS,
    "web_searches",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one answer (or an aggregate of several) used; None means unknown, never zero.

    `cache_write_1h_tokens` and `cache_write_12h_tokens` are parts of `cache_write_tokens`; the
    `*_cache_read_tokens` are part both of `cache_read_tokens` and of their modality. `units` holds
    what is not counted in tokens (`audio_seconds`, `search_units`, ...). `inference_geo` is where the
    request was confined to. `flags` says what was odd, `<field>:<what>`. `cached` says that a cache of the
    caller's own gave the answer, so that nothing was asked. `entries` are the single
    requests behind an answer that has several: each is priced by itself.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    cache_write_12h_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    audio_cache_read_tokens: int | None = None
    image_input_tokens: int | None = None
    image_output_tokens: int | None = None
    image_cache_read_tokens: int | None = None
    video_input_tokens: int | None = None
    video_output_tokens: int | None = None
    video_cache_read_tokens: int | None = None
    web_searches: int | None = None
    units: Mapping[str, int | Decimal] = field(default_factory=dict[str, int | Decimal])
    provider: str | None = None
    model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    reported_cost_usd: Decimal | None = None
    incomplete: bool = False
    aggregate: bool = False
    cached: bool = False
    requests: int | None = None
    flags: tuple[str, ...] = ()
    entries: tuple[Usage, ...] = ()


_KEYS: Final = {
    "incomplete": "usage_incomplete",
    "aggregate": "usage_aggregate",
    "cached": "cache_hit",
    "flags": "usage_flags",
    "units": "usage_units",
    "entries": "usage_entries",
}
FIELD_NAMES: Final = frozenset(_KEYS)
"""Those that an event spells differently."""
_NAMES: Final = tuple(each.name for each in fields_of(Usage))


def fields(usage: Usage) -> dict[str, Any]:
    """Return what an event says of `usage`: known facts only, plain values.

    >>> fields(Usage(input_tokens=10, output_tokens=5, model="gpt-4o"))
    {'input_tokens': 10, 'output_tokens': 5, 'model': 'gpt-4o'}
    """
    return to_fields({name: getattr(usage, name) for name in _NAMES})


def to_fields(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a `Usage` is made of as `fields` does."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if value is None:
            continue
        if name not in _KEYS:
            found[name] = value
        elif value:
            found[_KEYS[name]] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [fields(each) if isinstance(each, Usage) else each for each in value]
    return value if value is True else dict(value)
