"""How well caches do: lookups that were recorded, and caches that are watched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pepperpy_obs.aggregate.series_data import CacheData
from pepperpy_obs.readings import LiveState, WatchedCache
from pepperpy_obs.reports import table
from pepperpy_obs.reports.report import Report
from pepperpy_obs.reports.totals import Totals

__all__ = ["CacheFigures", "CacheReport", "cache_report"]


@dataclass(frozen=True, slots=True)
class CacheFigures(Report):
    """One cache. Without recorded lookups, `hits` and `misses` are those that the watched cache itself has counted."""

    hits: int | None
    misses: int | None
    hit_rate: float | None
    size: int | None
    maxsize: int | None
    utilization: float | None
    """`size` / `maxsize`; None for a cache that is not watched or has no limit."""


@dataclass(frozen=True, slots=True)
class CacheReport(Report):
    """All caches."""

    hits: int
    misses: int
    hit_rate: float | None
    utilization: float | None
    """How full the watched caches with a limit are, together."""
    prompt_hit_rate: float | None
    """Which part of the input tokens was read from the providers' prompt caches."""
    caches: Mapping[str, CacheFigures]

    def __str__(self) -> str:
        """Show all caches together, then each."""
        facts = {
            "hit rate": table.share(self.hit_rate),
            "utilization": table.share(self.utilization),
            "prompt tokens from cache": table.share(self.prompt_hit_rate),
        }
        text = f"Cache\n{table.pairs(facts)}"
        if not self.caches:
            return text
        rows = [
            (
                name,
                table.count(one.hits),
                table.count(one.misses),
                table.share(one.hit_rate),
                table.count(one.size),
                table.count(one.maxsize),
                table.share(one.utilization),
            )
            for name, one in self.caches.items()
        ]
        headers = ["cache", "hits", "misses", "hit rate", "size", "max", "utilization"]
        return f"{text}\n\n{table.columns(headers, rows)}"


def cache_report(totals: Totals, live: LiveState) -> CacheReport:
    """Make the report."""
    lookups = totals.snapshot.caches
    names = sorted(lookups.keys() | live.caches.keys())
    caches = {name: _figures(lookups.get(name), live.caches.get(name, WatchedCache())) for name in names}
    hits = sum(one.hits or 0 for one in caches.values())
    misses = sum(one.misses or 0 for one in caches.values())
    tokens = totals.everything.requests.tokens
    prompt = tokens.get("input", 0)
    return CacheReport(
        hits,
        misses,
        _rate(hits, misses),
        _utilization(caches.values()),
        tokens.get("cache_read", 0) / prompt if prompt else None,
        caches,
    )


def _figures(lookups: CacheData | None, watched: WatchedCache) -> CacheFigures:
    hits, misses = lookups or (watched.hits, watched.misses)
    utilization = watched.size / watched.maxsize if watched.size is not None and watched.maxsize else None
    return CacheFigures(hits, misses, _rate(hits, misses), watched.size, watched.maxsize, utilization)


def _rate(hits: int | None, misses: int | None) -> float | None:
    lookups = (hits or 0) + (misses or 0)
    return (hits or 0) / lookups if lookups else None


def _utilization(caches: Iterable[CacheFigures]) -> float | None:
    limited = [(one.size, one.maxsize) for one in caches if one.size is not None and one.maxsize]
    return sum(size for size, _ in limited) / sum(maxsize for _, maxsize in limited) if limited else None
