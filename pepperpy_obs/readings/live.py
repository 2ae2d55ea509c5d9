"""What is true now and is no fold of events: calls that run, agents at work, how full the watched caches are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Self

from pepperpy_obs._guard import failed
from pepperpy_obs.readings.merging import added, merged

__all__ = ["UNKNOWN", "LiveState", "WatchedCache", "look_at"]


@dataclass(frozen=True, slots=True)
class WatchedCache:
    """A watched cache, as far as it can tell; `hits` and `misses` are since the cache was made."""

    size: int | None = None
    maxsize: int | None = None
    hits: int | None = None
    misses: int | None = None

    def merge(self, other: Self) -> Self:
        """Return both as one; a figure that only one of them can tell is that one's."""
        pairs = [(getattr(self, one.name), getattr(other, one.name)) for one in fields(self)]
        return type(self)(*[mine if its is None else its if mine is None else mine + its for mine, its in pairs])


@dataclass(frozen=True, slots=True)
class LiveState:
    """One moment of one process."""

    active: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """Running calls by operation and agent ("" for none)."""
    agents: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many calls that are an agent's work are running, by agent."""
    caches: Mapping[str, WatchedCache] = field(default_factory=dict[str, WatchedCache])
    known: bool = True
    """False of a source that cannot know: a log says nothing of calls that run."""

    def ended(self) -> Self:
        """Return what is left of it when the process has ended: nothing runs, and lookups were counted for good."""
        return type(self)(caches={name: replace(one, size=None, maxsize=None) for name, one in self.caches.items()})

    def merge(self, other: Self) -> Self:
        """Return what is true of both processes: caches of one name are one cache of the sum of their sizes."""
        return type(self)(
            added(self.active, other.active),
            added(self.agents, other.agents),
            merged(self.caches, other.caches),
            self.known or other.known,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return {
            "active": [[*key, count] for key, count in sorted(self.active.items())],
            "agents": dict(self.agents),
            "caches": {name: asdict(one) for name, one in self.caches.items()},
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_dict` was asked of."""
        return cls(
            {(operation, agent): count for operation, agent, count in plain["active"]},
            dict(plain["agents"]),
            {name: WatchedCache(**one) for name, one in plain["caches"].items()},
        )


UNKNOWN: Final = LiveState(known=False)
"""What a source gives that cannot know."""


def look_at(
    active: Mapping[tuple[str, str], int], agents: Mapping[str, int], caches: Mapping[str, Callable[[], Any]]
) -> LiveState:
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
    return LiveState(dict(active), dict(agents), seen)


def _look(cache: Any) -> WatchedCache:
    if callable(getattr(cache, "cache_info", None)):
        info = cache.cache_info()
        return WatchedCache(info.currsize, info.maxsize, info.hits, info.misses)
    maxsize = getattr(cache, "maxsize", None)
    return WatchedCache(len(cache), getattr(cache, "maxlen", None) if maxsize is None else int(maxsize))
