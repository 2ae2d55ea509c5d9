"""Metrics that are sent every so often: each time one record in a spool of their own, which an outage empties late.

A record is written once it is due, and so its deltas are those since the record before, sent or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pepperpy_obs import _clock
from pepperpy_obs.config.otel import metric_interval
from pepperpy_obs.runtime.sinks import metrics_sink, ship_to, spool_of
from pepperpy_obs.shipping.otlp_metrics import metrics_record

if TYPE_CHECKING:
    from pepperpy_obs.config import Config
    from pepperpy_obs.export.otlp import MetricsWriter
    from pepperpy_obs.readings import DeliveryStats, Reading
    from pepperpy_obs.runtime.jobs import Jobs
    from pepperpy_obs.shipping.shipper import Shipper

__all__ = ["Pushing"]

_DIRECTORY: Final = "metrics"
"""The spool of metrics, in that of events."""


class Pushing:
    """The metrics of one runtime on their way to a receiver, if its settings name one."""

    def __init__(self, jobs: Jobs, read: Callable[[], Reading]) -> None:
        self._jobs = jobs
        self._read = read
        self._shipper: Shipper | None = None
        self._writer: MetricsWriter | None = None
        self._config: Config | None = None
        self._end: Callable[[], None] | None = None
        self._start = _clock.time_ns()

    def opened(self, config: Config) -> Shipper | None:
        """Return a shipper to the receiver of metrics, if these settings name one; SetupError as it says."""
        sink = metrics_sink(config) if config.metrics_enabled else None
        return None if sink is None else ship_to([sink], spool_of(config) / _DIRECTORY, config)

    def put_in_force(self, shipper: Shipper | None, config: Config) -> None:
        """Send through this one from now on; what the one before has not sent waits in its spool."""
        self.close(config.shutdown_timeout)
        self._shipper, self._config = shipper, config
        if shipper is not None:
            self._begin(config)
            every = config.metrics_interval
            if config.sources()["metrics_interval"] == "default":
                every = metric_interval() or every
            self._end = self._jobs.add("otlp_metrics", every, self.run)

    def _begin(self, config: Config) -> None:
        from pepperpy_obs.export.otlp import MetricsWriter  # noqa: PLC0415 - loaded where metrics are sent

        how = config.otlp_temporality, config.genai_conventions
        if self._writer is None or self._writer.how != how:  # else it knows what was told before
            self._writer = MetricsWriter(*how, self._start)

    def run(self) -> None:
        """Write what the metrics say now."""
        shipper, writer, config = self._shipper, self._writer, self._config
        if shipper is None or writer is None or config is None:
            return
        reading = self._read()
        shipper.offer([metrics_record(reading.at, config.service, config.environment, writer.metrics(reading))])

    @property
    def shippers(self) -> list[Shipper]:
        """What sends, if anything does."""
        return [] if self._shipper is None else [self._shipper]

    def ledgers(self) -> dict[str, DeliveryStats]:
        """Return the books of the receiver."""
        return {} if self._shipper is None else dict(self._shipper.ledgers())

    def close(self, timeout: float) -> None:
        """Send what can be sent in `timeout` seconds, and end; after the job's last run."""
        if self._end is not None:
            self._end()
        if self._shipper is not None:
            self._shipper.close(timeout)
        self._shipper = self._end = None

    def renew(self) -> None:
        """Begin anew in a forked child, whose counts begin at zero."""
        if self._shipper is not None:
            self._shipper.after_fork()
        self._start, self._writer = _clock.time_ns(), None
        if self._shipper is not None and self._config is not None:
            self._begin(self._config)
