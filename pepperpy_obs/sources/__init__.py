"""One word for everything that is read: a source. `source` opens any of them by its name."""

from pepperpy_obs.sources.judged import anomalies, trends
from pepperpy_obs.sources.opening import as_source, source

__all__ = ["anomalies", "as_source", "source", "trends"]
