"""Importing this hooks the clients that `PEPPERPY_INSTRUMENT` names, by commas; all, if it is not set."""

from __future__ import annotations

import os
from typing import Final

from pepperpy_obs.integrations.clients import instrument

__all__ = ["VARIABLE"]

VARIABLE: Final = "PEPPERPY_INSTRUMENT"

_NAMES: Final = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]

instrument(*_NAMES)
