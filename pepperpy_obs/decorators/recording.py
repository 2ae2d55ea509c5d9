"""Facts that the application reports itself: usage, cache lookups, caches to watch, metrics."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._call import current_call, leave_record
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._record import Notes, Spec
from pepperpy_obs.context import CURRENT
from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import ALERT_CHANGED, METRIC_RECORDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_obs._dispatch import RecordBuffer
    from pepperpy_obs.events import Level

__all__ = ["cache_lookup", "caches", "record_alert", "record_metric", "record_usage", "watch_cache"]

_METRIC: Final = Spec("", event=METRIC_RECORDED)
_ALERTS: Final[Mapping[Level, Spec]] = {
    "info": Spec("", event=ALERT_CHANGED, level="info"),
    "warning": Spec("", event=ALERT_CHANGED, level="warning"),
    "error": Spec("", event=ALERT_CHANGED, level="error"),
}

caches: dict[str, Callable[[], Any]] = {}
"""The watched caches: name -> a call that gives the cache, or None once it is gone."""


def record_usage(answer: object, *, provider: str | None = None, model: str | None = None) -> None:
    """Count the tokens (and the price) of a provider's answer in the call that is running.

    See `Call.record_usage`; without a call around it leaves an event of its own.
    """
    current_call().record_usage(answer, provider=provider, model=model)


def cache_lookup(name: str, *, hit: bool, answer: bool = True) -> None:
    """Count that a cache was asked, in the call that is running if there is one.

    A hit says that the call's answer came from there: no provider was asked, and its price is shown as saved. With
    `answer=False` it is something else that was looked up (documents for the prompt), and the call is charged.
    """
    current_call().cache_lookup(name, hit=hit, answer=answer)


def watch_cache(name: str, cache: object) -> None:
    """Show the size (and hits, where it counts them) of a cache in every report from now on.

    Accepts what `functools.lru_cache` makes (anything with `cache_info()`), and anything with
    a length and a `maxsize` or `maxlen`. Only a weak reference is kept where the cache allows one.
    A second cache of the same name takes the first one's place.
    """
    if not callable(getattr(cache, "cache_info", None)) and not hasattr(cache, "__len__"):
        msg = f"watch_cache({name!r}, {cache!r}); give an object with cache_info(), or with a length and a maxsize"
        raise SetupError(msg)
    try:
        caches[name] = weakref.ref(cache)
    except TypeError:
        caches[name] = lambda: cache


def record_metric(fields: Mapping[str, Any], *, buffer: RecordBuffer = RECORDS) -> None:
    """Leave one value of a user's metric, as `Metric.fields` spells it."""
    if not buffer.off:
        notes = Notes()
        notes.fields = dict(fields)
        leave_record(_METRIC, CURRENT.get(), notes, buffer=buffer)


def record_alert(fields: Mapping[str, Any], level: Level, *, buffer: RecordBuffer = RECORDS) -> None:
    """Leave an event which says that an alert began to fire, or was resolved."""
    if not buffer.off:
        notes = Notes()
        notes.fields = dict(fields)
        leave_record(_ALERTS[level], None, notes, buffer=buffer)
