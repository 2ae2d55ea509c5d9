"""What usage costs: exact, from the provider's own word, a user's table, our overrides or genai-prices.

Nothing here knows a zero that stands for "unknown": what has no price gives None.
"""

from __future__ import annotations

from pepperpy_obs.pricing.cost import Cost
from pepperpy_obs.pricing.pricer import Pricer

__all__ = ["Cost", "Pricer"]
