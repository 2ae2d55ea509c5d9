"""The one place that knows both sides: recording and reading."""

from pepperpy_obs.runtime.runtime import Runtime, configure, default_runtime
from pepperpy_obs.runtime.spawned import join_parent

__all__ = ["Runtime", "configure", "default_runtime", "join_parent"]
