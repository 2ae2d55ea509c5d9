"""The setting of processes that are read as one."""

from __future__ import annotations

from pepperpy_obs.config.fields import PathLike
from pepperpy_obs.config.storing import StoreSettings

__all__ = ["SharingSettings"]


class SharingSettings(StoreSettings):
    """How the processes of one machine know of each other."""

    share_directory: PathLike = None
    """directory in which the processes of a service show each other what they have counted; none: each for itself"""
