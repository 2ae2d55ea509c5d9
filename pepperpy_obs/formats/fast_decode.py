"""A first look at lines of either form: which tell of a usual call or request, of which only a few fields count?

Most do, and to read only these fields costs half of reading all. They are checked as `read` checks them; what does
not count is not looked at. Every other line is for `read`, which also knows what to say of a bad one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import msgspec

from pepperpy_obs.aggregate.accumulator import LONGEST
from pepperpy_obs.aggregate.requests import MOST_TOKENS
from pepperpy_obs.events import KINDS, OPERATION_FINISHED, Kind, Outcome

__all__ = ["FastCall", "FastEvent", "FastRequest", "fast_decode"]

_Event = Literal["operation.finished", "usage.recorded", "cache.looked_up", "metric.recorded"]
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)] | None
if TYPE_CHECKING:
    _Time = Annotated[datetime, msgspec.Meta(tz=True)]
else:
    # msgspec knows only the type itself: where time is frozen while this is loaded, that is a base of what stands here.
    _Time = Annotated[next(kind for kind in datetime.__mro__ if kind.__module__ == "datetime"), msgspec.Meta(tz=True)]
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class FastCall(msgspec.Struct, gc=False):
    """What counts of a usual call that is no request.

    Of a line that says anything else none is made: to have the decoder see to that costs nothing.
    """

    timestamp: _Time
    event: Literal["operation.finished"]
    outcome: Literal["ok"]
    duration_seconds: Annotated[float, msgspec.Meta(ge=0.0, lt=LONGEST)]
    operation: str | None = None
    kind: Literal["agent", "tool", "task"] | None = None
    agent: str | None = None
    event_id: str | None = None

    provider: None = None
    model: None = None
    time_to_first_item_seconds: None = None
    input_tokens: None = None
    output_tokens: None = None
    cost_source: None = None
    saved_usd: None = None
    over_budget: None = None
    cache: None = None


class FastRequest(msgspec.Struct, gc=False):
    """What counts of a usual call or request; below, what makes it unusual, whatever it says there."""

    timestamp: _Time = _NEVER
    event: _Event | None = None
    event_id: str | None = None
    operation: str | None = None
    kind: Kind | None = None
    outcome: Outcome = "error"
    duration_seconds: float = -1.0
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    time_to_first_item_seconds: float | None = None
    input_tokens: _Tokens = None
    output_tokens: _Tokens = None
    cache_read_tokens: _Tokens = None
    cache_write_tokens: _Tokens = None
    cache_write_1h_tokens: _Tokens = None
    audio_input_tokens: _Tokens = None
    reasoning_tokens: _Tokens = None
    audio_output_tokens: _Tokens = None
    unsplit_tokens: _Tokens = None
    cost_source: str | None = None
    cost_usd: str | None = None
    cost_by_type: dict[str, str] | None = None
    saved_usd: str | None = None

    over_budget: object = None
    cache: object = None
    requests: object = None
    usage_incomplete: object = None
    usage_flags: object = None
    usage_aggregate: object = None
    usage_duplicate: object = None
    retry: object = None
    cache_hit: object = None


FastEvent = FastCall | FastRequest


class _About(msgspec.Struct, gc=False):
    action: _Event
    duration: int = -1
    id: str | None = None


class _Document(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A line of ECS; below `pepperpy` stands what has no place of its own.

    Of what else there may be nothing counts, but names with a dot: ECS knows two spellings of all. So lines with
    other names than we and the common shippers write are not for a first look.
    """

    timestamp: _Time = msgspec.field(name="@timestamp")
    event: _About
    labels: dict[str, str]
    pepperpy: FastRequest
    level: object = msgspec.field(name="log.level", default=None)
    message: object = None
    version: object = msgspec.field(name="ecs.version", default=None)
    trace: object = None
    span: object = None
    parent: object = None
    service: object = None
    agent: object = None
    host: object = None
    input: object = None
    log: object = None
    tags: object = None
    ecs: object = None


_glance: Final = msgspec.json.Decoder(FastCall).decode
_request: Final = msgspec.json.Decoder(FastRequest).decode
_document: Final = msgspec.json.Decoder(_Document).decode
_COUNTED: Final = frozenset(FastRequest.__struct_fields__) - {"operation", "agent", "kind", "provider", "model"}
"""Names that count wherever they stand. We never put them among the labels, but a pipeline may."""
_KINDS: Final = frozenset({None, *KINDS})
_FAILURES: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The last of them of a line that nests too deeply."""


def fast_decode(lines: Sequence[bytes]) -> Sequence[FastEvent | None]:
    """Return what each line says of a usual call, None where it is something else.

    >>> at = b'"timestamp":"2023-11-16T18:17:03Z"'
    >>> fast_decode([b'{%b,"event":"operation.finished","outcome":"ok","duration_seconds":1.5}' % at, b"{"])
    [FastCall(timestamp=..., event='operation.finished', outcome='ok', duration_seconds=1.5, ...), None]
    """
    if lines and _is_document(lines[0]):
        try:
            return _ecs(lines)
        except _FAILURES:
            pass
    seen: list[FastEvent | None] = []
    usual = map(_glance, lines)
    while len(seen) < len(lines):
        try:
            seen.extend(usual)
        except _FAILURES:
            # What came before that line is in the list, and the iterator stands after it.
            seen.append(_look_again(lines[len(seen)]))
    return seen


def _is_document(line: bytes) -> bool:
    try:
        _document(line)
    except _FAILURES:
        return False
    return True


def _look_again(line: bytes) -> FastRequest | None:
    """Look at a line that is no usual call, and may be a usual request."""
    try:
        one = _request(line)
    except _FAILURES:
        try:
            return _ecs([line])[0]
        except _FAILURES:
            return None
    return one if _is_common(one) else None


def _ecs(lines: Sequence[bytes]) -> list[FastRequest | None]:
    seen: list[FastRequest | None] = []
    for document in map(_document, lines):
        one, about, label = document.pepperpy, document.event, cast("Any", document.labels.get)
        one.timestamp, one.event, one.duration_seconds = document.timestamp, about.action, about.duration / 1e9
        one.event_id = about.id
        one.operation, one.agent, one.kind = label("operation"), label("agent"), label("kind")
        one.provider, one.model = label("provider"), label("model")
        usual = one.kind in _KINDS and _COUNTED.isdisjoint(document.labels) and _is_common(one)
        seen.append(one if usual else None)
    return seen


def _is_common(one: FastRequest) -> bool:
    first_item = one.time_to_first_item_seconds
    if (
        one.event != OPERATION_FINISHED
        or one.outcome != "ok"
        or not 0.0 <= one.duration_seconds < LONGEST
        or (first_item is not None and not 0.0 <= first_item < LONGEST)
        or (one.cost_usd is None and one.cost_by_type is not None)
    ):
        return False
    if not one.usage_aggregate is one.usage_duplicate is one.usage_incomplete is one.usage_flags is None:
        return False
    if not one.requests is one.over_budget is one.retry is one.cache is one.cache_hit is None:
        return False
    if one.provider or one.model or one.kind == "llm":
        return True
    # Tokens or money of a call that names no model are counted, but not beside its other calls.
    return one.input_tokens is one.output_tokens is None and one.cost_source is one.saved_usd is None
