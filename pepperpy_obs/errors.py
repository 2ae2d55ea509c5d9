"""The errors people may meet, named by whose fault they are.

They are raised while things are being set up, and by readers. Once set up, nothing of
ours raises into the user's call; failures there are counted by `_guard`.
"""

from __future__ import annotations

__all__ = ["ConfigError", "ObsError", "SetupError", "SourceError"]


class ObsError(Exception):
    """Any error that this package raises on purpose."""


class SetupError(ObsError, ValueError):
    """Something was set up wrongly: an option, a label, a metric name, a price file."""


class ConfigError(SetupError):
    """A setting in `Config`, the environment or a settings file is not acceptable."""


class SourceError(ObsError):
    """A source cannot be read at this moment: it does not answer, or not as it should."""
