"""What is true now and is no fold of events: calls that run, agents at work, how full the watched caches are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pepperpy_obs._guard import failed

__all__ = ["Live", "WatchedCache", "look_at"]


@dataclass(frozen=True, slots=True)
class WatchedCache:
    """A watched cache, as far as it can tell; `hits` and `misses` are since the cache was made."""

    size: int | None = None
    maxsize: int | None = None
    hits: int | None = None
    misses: int | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """One moment of one process."""

    active: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """Running calls by operation and agent ("" for none)."""
    agents: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many calls that are an agent's work are running, by agent."""
    caches: Mapping[str, WatchedCache] = field(default_factory=dict[str, WatchedCache])


def look_at(
    active: Mapping[tuple[str, str], int], agents: Mapping[str, int], caches: Mapping[str, Callable[[], Any]]
) -> Live:
    """Return the moment; `caches` gives each watched cache, or None once it is gone.

    A cache that raises when it is looked at is left out, and the failure counted.

    >>> from functools import lru_cache
    >>> square = lru_cache(maxsize=4)(lambda x: x * x)
    >>> _ = square(2), square(2)
    >>> look_at({}, {}, {"squares": lambda: square}).caches
    {'squares': WatchedCache(size=1, maxsize=4, hits=1, misses=1)}
    """
    seen: dict[str, WatchedCache] = {}
    for name, find in list(caches.items()):
        try:
            cache = find()
            if cache is not None:
                seen[name] = _look(cache)
        except Exception as error:
            failed("watch_cache", error)
    return Live(dict(active), dict(agents), seen)


def _look(cache: Any) -> WatchedCache:
    if callable(getattr(cache, "cache_info", None)):
        info = cache.cache_info()
        return WatchedCache(info.currsize, info.maxsize, info.hits, info.misses)
    maxsize = getattr(cache, "maxsize", None)
    return WatchedCache(len(cache), getattr(cache, "maxlen", None) if maxsize is None else int(maxsize))
