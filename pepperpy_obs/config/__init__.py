"""Settings: one frozen `Config`, from keywords, the environment and a file, checked before anything starts."""

from __future__ import annotations

from pepperpy_obs.config.settings import Config

__all__ = ["Config"]
