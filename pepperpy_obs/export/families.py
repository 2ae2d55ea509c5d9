"""The words of what we expose: families, their rows, and the one table of our own families.

Nothing here knows how rows come about (`projection`) or what they look like on the wire (`exposition`,
`prometheus`). A family is never made at scrape time, except for the user's own metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from pepperpy_obs.aggregate.series_data import Exemplar

__all__ = [
    "DURATION_BOUNDS",
    "FAMILIES",
    "VALUE_BOUNDS",
    "Family",
    "HistogramSample",
    "Labels",
    "MetricFamily",
    "Value",
    "sendable",
]

DURATION_BOUNDS: Final = tuple(2.0**power for power in range(-7, 10))
"""Seconds, from 8 ms to 8.5 minutes. Powers of two are bounds of the aggregator's bins too, so the counts are exact."""

VALUE_BOUNDS: Final = tuple(4.0**power for power in range(-5, 11))
"""For values of the user's, of unknown size: from a thousandth to a million, as exact."""


def sendable(text: str) -> str:
    """Return text that can be encoded: half of a surrogate pair, which a cut may leave, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


Labels = tuple[str, ...]
"""The values of a family's labels, in the family's order."""


class HistogramSample(Struct, frozen=True, gc=False):
    """A histogram's row: cumulative counts for each bound of its family and then for +Inf, and the sum."""

    counts: tuple[int, ...]
    sum: float
    exemplars: Mapping[int, Exemplar]
    """By bucket: its place in `counts`."""


Value = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family by its name on the wire; a counter's ends in ``_total``."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    unit: str = ""
    bounds: tuple[float, ...] = ()

    @property
    def stem(self) -> str:
        """The name as OpenMetrics heads the family: a counter's without ``_total``."""
        return self.name.removesuffix("_total") if self.type == "counter" else self.name


class MetricFamily(NamedTuple):
    """A family with its rows: values for counters and gauges, samples for histograms."""

    family: Family
    values: Mapping[Labels, Value] = {}
    samples: Mapping[Labels, HistogramSample] = {}


OPERATIONS: Final = Family(
    "pepperpy_operations_total",
    "counter",
    ("operation", "agent", "kind", "outcome"),
    "Calls that have ended, by outcome: ok, error, cancelled or abandoned.",
)
DURATION: Final = Family(
    "pepperpy_operation_duration_seconds",
    "histogram",
    ("operation", "agent", "kind"),
    "Time from the first step of a call to its last.",
    "seconds",
    DURATION_BOUNDS,
)
FIRST_ITEM: Final = Family(
    "pepperpy_operation_time_to_first_item_seconds",
    "histogram",
    ("operation", "agent"),
    "Time from the first step of a stream to its first item.",
    "seconds",
    DURATION_BOUNDS,
)
ACTIVE: Final = Family("pepperpy_operations_active", "gauge", ("operation", "agent"), "Calls that are under way.")
AGENTS: Final = Family("pepperpy_agents_active", "gauge", ("agent",), "Calls that are under way for an agent.")
REQUESTS: Final = Family(
    "pepperpy_llm_requests_total",
    "counter",
    ("provider", "model", "operation", "outcome"),
    "Requests to providers of language models.",
)
TOKENS: Final = Family(
    "pepperpy_llm_tokens_total",
    "counter",
    ("provider", "model", "operation", "type"),
    "Tokens by type; cache_read and cache_write are parts of input, reasoning is a part of output.",
)
COST: Final = Family(
    "pepperpy_llm_cost_usd_total",
    "counter",
    ("provider", "model", "operation"),
    "Cost in US dollars of the requests whose price is known.",
    "usd",
)
UNPRICED: Final = Family(
    "pepperpy_llm_unpriced_requests_total",
    "counter",
    ("provider", "model"),
    "Requests whose price is not known; they are missing from the cost.",
)
WITHOUT_USAGE: Final = Family(
    "pepperpy_llm_requests_without_usage_total",
    "counter",
    ("provider", "model", "operation"),
    "Requests that told no usage, failed and cancelled ones too; their tokens and their cost are unknown.",
)
LOOKUPS: Final = Family("pepperpy_cache_lookups_total", "counter", ("cache", "result"), "Cache lookups: hit or miss.")
UTILIZATION: Final = Family(
    "pepperpy_cache_utilization_ratio", "gauge", ("cache",), "Share of a cache's capacity that is in use.", "ratio"
)
STARTED: Final = Family(
    "pepperpy_obs_start_time_seconds",
    "gauge",
    (),
    "When counting began (UTC, since the epoch): another value means that all counters began at zero again.",
    "seconds",
)
EVENTS: Final = Family("pepperpy_obs_events_total", "counter", (), "Events that were counted.")
DROPPED: Final = Family(
    "pepperpy_obs_events_dropped_total", "counter", ("reason",), "Log lines that were counted but never shipped."
)
ERRORS: Final = Family(
    "pepperpy_obs_errors_total", "counter", ("stage",), "Failures of pepperpy_obs itself, which it went on without."
)
OVERFLOW: Final = Family(
    "pepperpy_obs_series_overflow_total",
    "counter",
    ("family",),
    "Events whose label set came after the series limit and was counted as _other.",
)
SHIPPED: Final = Family("pepperpy_obs_ship_lines_total", "counter", ("sink",), "Log lines that a sink has taken.")
SHIP_FAILURES: Final = Family(
    "pepperpy_obs_ship_failures_total", "counter", ("sink",), "Batches of log lines that a sink did not take."
)
SHIP_ACCEPTED: Final = Family(
    "pepperpy_obs_ship_accepted_total",
    "counter",
    ("sink",),
    "Events meant for a receiver, those found on disk included.",
)
SHIP_EVENTS: Final = Family(
    "pepperpy_obs_ship_events_total",
    "counter",
    ("sink", "result"),
    "Accepted events that are settled: acknowledged, rejected or dropped; all others are pending.",
)
SHIP_PENDING: Final = Family(
    "pepperpy_obs_ship_pending", "gauge", ("sink",), "Accepted events that a receiver has not answered for."
)
SHIP_RETRIES: Final = Family(
    "pepperpy_obs_ship_retries_total", "counter", ("sink",), "Requests that failed and were made again."
)
SHIP_HELD: Final = Family(
    "pepperpy_obs_ship_held", "gauge", ("sink",), "Whether a receiver refuses us until a person acts: 1 or 0."
)
SPOOL_BYTES: Final = Family(
    "pepperpy_obs_ship_spool_bytes",
    "gauge",
    ("sink",),
    "Size of the spool that events wait in, which all receivers of a process share.",
    "bytes",
)

LETTERS_DROPPED: Final = Family(
    "pepperpy_obs_ship_letters_dropped_total",
    "counter",
    ("sink",),
    "Dead letters that were pushed out of their bounded file, or that the disk refused.",
)
STORE_PARTS: Final = Family(
    "pepperpy_obs_store_parts_total",
    "counter",
    ("result",),
    "Minutes that were meant for the store and are settled: written, or dropped as too many waited.",
)
STORE_WAITING: Final = Family(
    "pepperpy_obs_store_waiting", "gauge", (), "Minutes that wait in memory until the store takes them."
)
STORE_WAITING_BYTES: Final = Family(
    "pepperpy_obs_store_waiting_bytes", "gauge", (), "Size of the minutes that wait for the store.", "bytes"
)
STORE_FAILURES: Final = Family(
    "pepperpy_obs_store_failures_total", "counter", (), "How often the store did not take what it was given."
)

ALERTS: Final = Family(
    "pepperpy_alerts",
    "gauge",
    ("alertname", "alertstate", "severity", "operation", "agent", "kind", "provider", "model", "attribute"),
    "Alerts of rules that are pending or firing, each 1.",
)
FAMILIES: Final = (
    OPERATIONS,
    DURATION,
    FIRST_ITEM,
    ACTIVE,
    AGENTS,
    REQUESTS,
    TOKENS,
    COST,
    UNPRICED,
    WITHOUT_USAGE,
    LOOKUPS,
    UTILIZATION,
    STARTED,
    EVENTS,
    DROPPED,
    ERRORS,
    OVERFLOW,
    SHIPPED,
    SHIP_FAILURES,
    SHIP_ACCEPTED,
    SHIP_EVENTS,
    SHIP_PENDING,
    SHIP_RETRIES,
    SHIP_HELD,
    SPOOL_BYTES,
    LETTERS_DROPPED,
    STORE_PARTS,
    STORE_WAITING,
    STORE_WAITING_BYTES,
    STORE_FAILURES,
    ALERTS,
)
"""Every family of ours, in the order in which it is exposed."""
