"""One moment of everything that can be read, and the sources that give it.

A `Reading` is what was counted, what is true at this moment, and how we do our own work: one value, read once, so that
no figure of a page contradicts another. Reports, health, scrapes and pages take one.
"""

from pepperpy_obs.readings.alerts import AlertStats
from pepperpy_obs.readings.deliveries import DeliveryStats
from pepperpy_obs.readings.live import LiveState, WatchedCache
from pepperpy_obs.readings.reading import EMPTY, Reading
from pepperpy_obs.readings.self_stats import OutputStats, SelfStats
from pepperpy_obs.readings.stores import StoreStats

__all__ = [
    "EMPTY",
    "AlertStats",
    "DeliveryStats",
    "LiveState",
    "OutputStats",
    "Reading",
    "SelfStats",
    "StoreStats",
    "WatchedCache",
]
