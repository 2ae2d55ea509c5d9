"""`UsageTracker`: tell API calls by hand, and read who used how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_obs._call import leave_record
from pepperpy_obs._record import Notes, Spec
from pepperpy_obs.context import CURRENT
from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import USAGE_RECORDED
from pepperpy_obs.metrics.collector import MetricsCollector, hub_of

if TYPE_CHECKING:
    from pepperpy_obs.reports.usage import UsageReport

__all__ = ["UsageTracker"]


class UsageTracker:
    """Counts API calls and their tokens, without a collector in the default runtime."""

    def __init__(self, collector: MetricsCollector | None = None) -> None:
        self._collector = MetricsCollector() if collector is None else collector
        self._hub = hub_of(collector)

    async def track_api_call(
        self,
        provider: str,
        operation: str,
        *,
        tokens: int | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        model: str | None = None,
        **fields: Any,
    ) -> None:
        """Count one API call that was made elsewhere, and its tokens; see `track`."""
        self.track(
            provider,
            operation,
            tokens=tokens,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            model=model,
            **fields,
        )

    def track(
        self,
        provider: str,
        operation: str,
        *,
        tokens: int | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        model: str | None = None,
        **fields: Any,
    ) -> None:
        """Leave an event `usage.recorded`. Give `tokens` if only their sum is known, else input and output.

        A sum cannot be priced: input and output cost differently. Further token counts, such as
        `cache_read_tokens`, and fields of your own may be added. Raises SetupError for counts
        that are no whole numbers from 0 up, and for `tokens` together with its parts.
        """
        counts = {"unsplit_tokens": tokens, "input_tokens": input_tokens, "output_tokens": output_tokens}
        given = {key: count for key, count in counts.items() if count is not None}
        for key, count in given.items():
            if type(count) is not int or count < 0:
                msg = f"track_api_call: {key}={count!r}; give a whole number from 0 up"
                raise SetupError(msg)
        if tokens is not None and len(given) > 1:
            msg = f"track_api_call: tokens={tokens!r} beside {sorted(given)}; give the sum or the parts"
            raise SetupError(msg)
        if not self._hub.off:
            notes = Notes()
            notes.fields = {**fields, **given}
            spec = Spec(operation, kind="llm", event=USAGE_RECORDED, provider=provider, model=model, priced=True)
            leave_record(spec, CURRENT.get(), notes, hub=self._hub)

    async def get_usage_report(self, window: float | None = None) -> UsageReport:
        """Return who used how much, in all or in the last `window` seconds."""
        return self.usage_report(window)

    def usage_report(self, window: float | None = None) -> UsageReport:
        """Return the same without awaiting."""
        return self._collector.stats(window).usage
