"""Hands events to the application's own structlog, where `Config.log_to_structlog` asks for it.

The thread that drains may be in the middle of another request than the event's. So events are handed over in an empty
context, in which the application's context variables have their defaults: a request id of another call on an event
would be worse than none. What the event says of its own call is in its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextvars import Context
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from pepperpy_obs.typing import Batch, EventDict

__all__ = ["StructlogOutput"]

_TIME: Final = "timestamp"

_Link = Callable[[Any, str, Any], Any]


class StructlogOutput:
    """Gives each event to the application's own structlog, at its level and under its name."""

    name = "structlog"
    format = None

    def write(self, batch: Batch) -> None:
        """Give the events away."""
        Context().run(_hand_over, batch.events)

    def close(self) -> None:
        """Hold nothing."""


def _hand_over(events: Sequence[EventDict]) -> None:
    links: list[_Link] = [_keeping_time(link) for link in structlog.get_config()["processors"]]
    logger: Any = structlog.wrap_logger(None, processors=links, logger_factory_args=("pepperpy_obs",))
    for event in events:
        fields = {key: _plain(value) for key, value in event.items() if key not in {"event", "level"}}
        getattr(logger, event["level"])(event["event"], **fields)


def _keeping_time(link: _Link) -> _Link:
    """Let a processor do all but give the event another time: it happened when its call ended, not now."""

    def kept(logger: Any, method_name: str, event_dict: Any) -> Any:
        at = event_dict.get(_TIME)
        made = link(logger, method_name, event_dict)
        if at is not None and isinstance(made, MutableMapping) and _TIME in made:
            made[_TIME] = at
        return made

    return kept


def _plain(value: Any) -> Any:
    """Return exact numbers as the text that our own lines have, for renderers that would write `Decimal('0.1')`."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
