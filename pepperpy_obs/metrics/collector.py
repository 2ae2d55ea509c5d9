"""`MetricsCollector`: record calls and metrics by hand, and read what was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from pepperpy_obs import _dispatch
from pepperpy_obs._dispatch import RECORDS, RecordBuffer
from pepperpy_obs.aggregate.metric import Metric
from pepperpy_obs.decorators.blocks import Block, spec_for
from pepperpy_obs.decorators.options import CallOptions
from pepperpy_obs.decorators.recording import record_metric
from pepperpy_obs.errors import SetupError

if TYPE_CHECKING:
    from pepperpy_obs.config import Config
    from pepperpy_obs.readings.windows import Window
    from pepperpy_obs.reports.stats import Stats
    from pepperpy_obs.runtime import Runtime

__all__ = ["MetricsCollector", "buffer_of"]


class MetricsCollector:
    """Counts calls and metrics.

    Without a config it shares the one default runtime, which all decorators feed. With a
    config it is a collector of its own: only what is recorded through it (and through the
    classes that are given it) is counted and logged there, under that config's settings.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.buffer: RecordBuffer = RECORDS
        if config is not None:
            self.buffer = RecordBuffer()
            self.runtime.configure(config)

    @property
    def runtime(self) -> Runtime:
        """The runtime behind it."""
        found: Runtime = _dispatch.runtime(self.buffer)
        return found

    def record_call(self, provider: str, *, operation: str = "call", **options: Unpack[CallOptions]) -> Block:
        """Record a block, `async with` or `with`, as one request to a provider; it gives the `Call`.

        >>> collector = MetricsCollector()
        >>> with collector.record_call("openai", model="gpt-4o") as call:
        ...     _ = call.record_usage({"input_tokens": 10, "output_tokens": 5})
        """
        return Block(spec_for(operation, {"kind": "llm", **options, "provider": provider}), buffer=self.buffer)

    def record_metric(self, metric: Metric, value: float, /, **labels: str) -> None:
        """Record a value of a metric of your own: what a counter adds, what a gauge is now, what a histogram saw.

        Raises SetupError for a label name that Prometheus would refuse. A value that is not
        finite, or that would make a counter fall, is not counted but reported as our error.
        """
        record_metric(metric.fields(value, labels), buffer=self.buffer)

    async def get_stats(self, window: Window | None = None) -> Stats:
        """Return the statistics, in all or of the last `window` (300 or "5m"); shows every call that has returned."""
        return self.stats(window)

    def stats(self, window: Window | None = None) -> Stats:
        """Return the same without awaiting."""
        return self.runtime.stats(window)

    def shutdown(self) -> None:
        """Flush and close what a collector of its own has opened; done at exit by itself."""
        self.runtime.shutdown()


def buffer_of(collector: Any) -> RecordBuffer:
    """Return the buffer that a class of ours records in; SetupError for what is no collector."""
    if collector is None:
        return RECORDS
    if not isinstance(collector, MetricsCollector):
        msg = f"collector={collector!r}; give a MetricsCollector, or nothing to share the default one"
        raise SetupError(msg)
    return collector.buffer
