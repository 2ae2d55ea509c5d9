"""The table: every shape of usage that we know, one row each.

A new provider is a new row in one of the rooms that it is put together from, and nothing anywhere else.
Rows are tried in order, so the more telling one stands first.
"""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.clouds import CLOUDS
from pepperpy_obs.usage.dialects import DIALECTS
from pepperpy_obs.usage.frameworks import FRAMEWORKS
from pepperpy_obs.usage.makers import MAKERS
from pepperpy_obs.usage.plain import PLAIN
from pepperpy_obs.usage.shapes import Shape

__all__ = ["SHAPES"]

SHAPES: Final[tuple[Shape, ...]] = (*FRAMEWORKS, *DIALECTS, *MAKERS, *CLOUDS, *PLAIN)
