"""What people put on and into their functions. Everything here emits and nothing here collects."""

from pepperpy_obs.decorators.blocks import agent, attributes, measure
from pepperpy_obs.decorators.facets import costed, measured, tracked_usage
from pepperpy_obs.decorators.recording import cache_lookup, record_metric, record_usage, watch_cache

__all__ = [
    "agent",
    "attributes",
    "cache_lookup",
    "costed",
    "measure",
    "measured",
    "record_metric",
    "record_usage",
    "tracked_usage",
    "watch_cache",
]
