"""Events under the names and types of the Elastic Common Schema, so that no mapping conflict eats one.

`events.FIELDS` says which of our fields has an ECS name; the others stand under ``pepperpy.``.
Fields of the user's go to ``labels``, which ECS keeps for that, as strings: a name that holds a
number today and a text tomorrow is still indexed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from pepperpy_obs.events import FIELDS, OUTCOMES, VOCABULARY
from pepperpy_obs.formats.lines import decode, encode, json_lines, render_json
from pepperpy_obs.sanitize.map_fields import OUR_EVENTS
from pepperpy_obs.typing import EventDict

__all__ = ["ECS_OUTCOMES", "ECS_PATHS", "ecs_lines", "render_ecs", "to_ecs"]

_VERSION: Final = "8.17.0"

ECS_OUTCOMES: Final = dict.fromkeys(OUTCOMES, "unknown") | {"ok": "success", "error": "failure"}

ECS_PATHS: Final[Mapping[str, str]] = {
    **{field.name: field.ecs or f"pepperpy.{field.name}" for field in FIELDS},
    "outcome": "pepperpy.outcome",  # event.outcome, which is written too, tells only two of our four apart
    "exception": "error.stack_trace",
    "logger": "log.logger",
}
"""Where each field stands: the name of a group and a name in it."""

_HEAD: Final = frozenset({"timestamp", "level", "event"})
"""Fields that stand at the top, where people look first."""
_PLACES: Final = {name: path.partition(".")[::2] for name, path in ECS_PATHS.items() if name not in _HEAD}
_COMMON: Final = {
    name: _PLACES[name]
    for name in ("error_type", "trace_id", "span_id", "service", "environment", "exception", "logger")
}
"""Fields that mean in any chain what they mean in ours."""
_TEXTS: Final = frozenset({field.name for field in FIELDS if field.type == "string"} | {"exception", "logger"})
_MONEY: Final = frozenset({field.name for field in FIELDS if field.type == "decimal"} | {"cost_by_type"})
_UNSAFE: Final = str.maketrans(".*\\ ", "____")


def to_ecs(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event as an ECS document.

    >>> to_ecs({"event": "operation.finished", "level": "info", "operation": "plan", "duration_seconds": 0.5, "try": 2})
    {'log.level': 'info', 'message': 'operation.finished plan', 'ecs.version': '8.17.0',
     'labels': {'operation': 'plan', 'try': '2'},
     'event': {'duration': 500000000, 'kind': 'event', 'dataset': 'pepperpy_obs', 'action': 'operation.finished'}}
    """
    name = event.get("event")
    ours = isinstance(name, str) and name in OUR_EVENTS
    document = _head(event, name, ours=ours)
    groups, texts, labels = _plan(tuple(event), ours=ours)
    for group, places in groups:
        document[group] = {inner: event[field] for inner, field in places}
    for group, inner, field in texts:
        # Names that a user's field may bear: an object where texts are costs the event.
        if type(value := event[field]) is not str and value is not None:
            document[group][inner] = _label(value)
    for label, field in labels:
        value = event[field]
        document["labels"][label] = value if type(value) is str or value is None else _label(value)
    if ours:
        _translate(document, name)
    return document


_Plan = tuple[list[tuple[str, list[tuple[str, str]]]], list[tuple[str, str, str]], list[tuple[str, str]]]
"""The groups of a document with the field that each name is taken from; those of them that are texts, with their group;
and the labels of the user's."""


@lru_cache(maxsize=1024)
def _plan(fields: tuple[str, ...], *, ours: bool) -> _Plan:
    """Settle once where the fields of events of one shape go."""
    places = _PLACES if ours else _COMMON
    groups: dict[str, list[tuple[str, str]]] = {}
    labels: dict[str, str] = {}
    for field in fields:
        if field in places:
            group, inner = places[field]
            groups.setdefault(group, []).append((inner, field))
        elif field not in _HEAD:
            groups.setdefault("labels", [])
            labels[_label_name(field, labels)] = field
    texts = [(group, inner, field) for group, names in groups.items() for inner, field in names if field in _TEXTS]
    return list(groups.items()), texts, list(labels.items())


def _head(event: Mapping[str, Any], name: Any, *, ours: bool) -> dict[str, Any]:
    document: dict[str, Any] = {}
    timestamp = event.get("timestamp")
    if timestamp is not None:
        document["@timestamp"] = timestamp if type(timestamp) is str else _time(timestamp)
    if (level := event.get("level")) is not None:
        document["log.level"] = level
    if ours:
        about = (name, event.get("operation") or event.get("cache") or event.get("metric"), event.get("outcome"))
        document["message"] = " ".join([str(word) for word in about if word])
    elif name is not None:
        document["message"] = name if isinstance(name, str) else _label(name)
    document["ecs.version"] = _VERSION
    return document


def _time(timestamp: Any) -> Any:
    """Return a moment as ECS writes it: a bare number would be taken for milliseconds."""
    if isinstance(timestamp, int | float):
        timestamp = datetime.fromtimestamp(timestamp, UTC)
    return timestamp.isoformat() if isinstance(timestamp, datetime) else timestamp


def _translate(document: dict[str, Any], action: Any) -> None:
    """Give ECS its own units and words, where it has some."""
    about = document.setdefault("event", {})
    about |= {"kind": "event", "dataset": "pepperpy_obs", "action": action}
    if "duration" in about:
        about["duration"] = round(about["duration"] * 1_000_000_000)
    if (inner := document.get("pepperpy")) is None:
        return
    if "outcome" in inner:
        about["outcome"] = ECS_OUTCOMES.get(inner["outcome"], "unknown")
    for name in _MONEY.intersection(inner):
        inner[name] = _amount(inner[name])


def _amount(value: Any) -> Any:
    """Return money as a number, so that it can be summed where no template says what it is; `0.0` is no integer.

    One with more digits than a number of JSON's keeps stays text.
    """
    if isinstance(value, Mapping):
        return {name: _amount(part) for name, part in value.items()}
    try:
        exact, number = Decimal(value), float(value)
        return number if Decimal(repr(number)) == exact else value
    except (ArithmeticError, TypeError, ValueError):
        return value


def _label_name(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name that ECS allows and that nothing else bears, our own fields included."""
    name = str(name).translate(_UNSAFE) or "_"
    while name in taken or name in VOCABULARY:
        name += "_"
    return name


def _label(value: Any) -> str:
    if isinstance(value, str):
        return value
    text = encode(value).decode()
    return str(decode(text)) if text.startswith('"') else text


def ecs_lines(events: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Return the events' lines of ECS, all in one piece."""
    return json_lines([to_ecs(event) for event in events])


def render_ecs(logger: Any, method_name: str, event_dict: EventDict) -> str:
    """Turn the event into a line of ECS without its line feed: the last processor of a chain."""
    return render_json(logger, method_name, to_ecs(event_dict))
