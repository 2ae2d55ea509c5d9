"""Links that change an event field by field, and what makes them cheap: remembering what they leave alone.

Most of an event never needs a look: numbers and ids are ours, and names of operations and
models come again and again. A change is a pure function of a field's key and value, so
text that it has once returned as it was need not be shown to it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from time import thread_time_ns
from typing import Any, Final

from pepperpy_obs.events import (
    ALERT_CHANGED,
    CACHE_LOOKED_UP,
    METRIC_RECORDED,
    OPERATION_FINISHED,
    USAGE_RECORDED,
    VOCABULARY,
)
from pepperpy_obs.sanitize.secrets import REDACTED
from pepperpy_obs.sanitize.to_plain import ABSENT
from pepperpy_obs.typing import EventDict

__all__ = ["FREE_TEXT", "OUR_EVENTS", "Change", "MapFields"]

Change = Callable[[str, Any], Any]
"""Takes a field's key and value and returns the value to be written, or `ABSENT`. A key comes as the value of "". """

FREE_TEXT: Final = frozenset({
    "agent", "cache", "environment", "error_type", "event", "labels", "metric", "metric_description", "metric_unit",
    "model", "operation", "provider", "response_id", "response_model", "service", "service_tier", "usage_flags",
})  # fmt: skip
"""Those of our own fields that users and providers write; the others are numbers, ids and fixed words of ours."""

OUR_EVENTS: Final = frozenset({OPERATION_FINISHED, USAGE_RECORDED, CACHE_LOOKED_UP, METRIC_RECORDED, ALERT_CHANGED})
_TRUSTED: Final = VOCABULARY - FREE_TEXT
_LONGEST_REMEMBERED: Final = 64
_MOST_REMEMBERED: Final = 4096
_MOST_PER_KEY: Final = 256
"""A key with more texts than this holds ids, which do not come again."""
_MOST_FIELDS: Final = 128

_LONG: Final = 512
"""Characters from which on a text may take its time; shorter ones are changed without a look at the clock."""
_BUDGET: Final = 50_000_000
"""Ns of CPU time for one event. An honest event takes less than a hundredth of it. It is the thread's own time, so that
a busy machine costs no event its fields."""

_NUMBERS: Final = frozenset({int, float, bool, Decimal, type(None)})
_QUICK: Final = _NUMBERS | {str}

_Plan = tuple[tuple[tuple[str, set[str]], ...], dict[str, str | None]]
"""The fields of events of one shape that need a look, each with its texts that are in order; and keys to be changed."""


class MapFields:
    """A processor that applies changes, one after the other, to each field that may need them.

    An event has `_MOST_FIELDS` fields of the user's at most; further ones are left out. Once the changes have taken
    50 ms of CPU time, each further text, list or dict of the event becomes "[redacted]" unread.

    >>> def shout(key, value):
    ...     return value.upper() if key == "operation" else value
    >>> MapFields(shout)(None, "info", {"event": "operation.finished", "operation": "plan", "attempt": 2})
    {'event': 'operation.finished', 'operation': 'PLAN', 'attempt': 2}
    """

    def __init__(self, *changes: Change) -> None:
        self._changes = changes
        self._forget()

    def _forget(self) -> None:
        self._ours: dict[tuple[str, ...], _Plan] = {}
        self._foreign: dict[tuple[str, ...], _Plan] = {}
        self._in_order: dict[str, set[str]] = {}
        self._left = _MOST_REMEMBERED
        self._last_keys: tuple[str, ...] = ()
        self._last_name: object = None
        self._last_plan: _Plan = ((), {})

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Change the event in place, but nothing that is nested in it."""
        keys, name = tuple(event_dict), event_dict.get("event")
        if name is not self._last_name or keys != self._last_keys:
            # Most events look as the one before: to compare is half the price of looking the plan up.
            self._turn(keys, name)
        look, renames = self._last_plan
        until = 0
        for key, in_order in look:
            value = event_dict[key]
            if type(value) is not str or value not in in_order:
                if until or type(value) not in _QUICK or (type(value) is str and len(value) > _LONG):
                    now = thread_time_ns()
                    until = until or now + _BUDGET
                    if now >= until and type(value) not in _NUMBERS:
                        event_dict[key] = REDACTED
                        continue
                self._change(event_dict, key, value, in_order)
        return _renamed(event_dict, renames) if renames else event_dict

    def _turn(self, keys: tuple[str, ...], name: object) -> None:
        """Make the plan for events of this shape the current one."""
        ours = type(name) is str and name in OUR_EVENTS
        self._last_plan = (self._ours if ours else self._foreign).get(keys) or self._plan(keys, ours=ours)
        self._last_keys, self._last_name = keys, name

    def _change(self, event_dict: EventDict, key: str, value: Any, in_order: set[str]) -> None:
        changed = value
        for change in self._changes:
            changed = change(key, changed)
            if changed is ABSENT:
                del event_dict[key]
                return
        if changed is not value:
            event_dict[key] = changed
        elif type(value) is str and len(value) <= _LONGEST_REMEMBERED and len(in_order) < _MOST_PER_KEY:
            in_order.add(value)
            self._left -= 1
            if self._left < 0:
                self._forget()

    def _plan(self, keys: tuple[str, ...], *, ours: bool) -> _Plan:
        """Settle what events with these keys need; in an application's own chain our words are anybody's."""
        trusted = _TRUSTED | {"event"} if ours else frozenset[str]()
        look = tuple((key, self._in_order.setdefault(key, set())) for key in keys if key not in trusted)
        plan = look, self._key_changes(key for key in keys if key not in VOCABULARY)
        (self._ours if ours else self._foreign)[keys] = plan
        self._left -= len(look)
        return plan

    def _key_changes(self, keys: Iterable[str]) -> dict[str, str | None]:
        renames: dict[str, str | None] = {}
        for place, key in enumerate(keys):
            name = key
            for change in self._changes:
                name = change("", name)
            if place >= _MOST_FIELDS:
                renames[key] = None
            elif name is not key:
                renames[key] = name
        return renames


def _renamed(event_dict: EventDict, renames: dict[str, str | None]) -> EventDict:
    return {
        renames.get(key, key) or "": value
        for key, value in event_dict.items()
        if key not in renames or renames[key] is not None
    }
