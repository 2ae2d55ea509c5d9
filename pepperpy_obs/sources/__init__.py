"""One word for everything that is read: a source. `source` opens any of them by its name."""

from pepperpy_obs.sources.opening import as_source, source

__all__ = ["as_source", "source"]
