"""`UsageTracker`: record API calls by hand, and read the usage by provider, model and agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._call import leave_record, own_names
from pepperpy_obs._record import Notes, Spec
from pepperpy_obs.context import CURRENT
from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import TOKEN_FIELDS, USAGE_RECORDED
from pepperpy_obs.metrics.collector import MetricsCollector, buffer_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pepperpy_obs.readings.windows import Window
    from pepperpy_obs.reports.usage import UsageReport

__all__ = ["UsageTracker"]

_PARTS: Final = {
    "input_tokens": ("cache_read_tokens", "cache_write_tokens"),
    "output_tokens": ("reasoning_tokens",),
}
"""Tokens that a whole includes."""


class UsageTracker:
    """Counts API calls and their tokens, without a collector in the default runtime."""

    def __init__(self, collector: MetricsCollector | None = None) -> None:
        self._collector = MetricsCollector() if collector is None else collector
        self._buffer = buffer_of(collector)

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
        counts = {"tokens": tokens, "input_tokens": input_tokens, "output_tokens": output_tokens}
        counts |= {key: fields.pop(key) for key in TOKEN_FIELDS if key in fields}
        given = {key: count for key, count in counts.items() if count is not None}
        _check({"provider": provider, "operation": operation, **({} if model is None else {"model": model})}, given)
        if tokens is not None:
            given = {"unsplit_tokens": tokens}
        if not self._buffer.off:
            notes = Notes()
            notes.fields = {**own_names(fields), **given}
            spec = Spec(operation, kind="llm", event=USAGE_RECORDED, provider=provider, model=model, priced=True)
            leave_record(spec, CURRENT.get(), notes, buffer=self._buffer)

    async def get_usage_report(self, window: Window | None = None) -> UsageReport:
        """Return the usage, in all or in the last `window` seconds."""
        return self.usage_report(window)

    def usage_report(self, window: Window | None = None) -> UsageReport:
        """Return the same without awaiting."""
        return self._collector.stats(window).usage


def _check(names: Mapping[str, object], counts: Mapping[str, object]) -> None:
    """Refuse what cannot be counted; the parts of a whole may not be more than the whole."""
    for key, name in names.items():
        if not isinstance(name, str) or not name:
            msg = f"track_api_call: {key}={name!r}; give a text that is not empty"
            raise SetupError(msg)
    sizes: dict[str, int] = {}
    for key, count in counts.items():
        if type(count) is not int or count < 0:
            msg = f"track_api_call: {key}={count!r}; give a whole number from 0 up"
            raise SetupError(msg)
        sizes[key] = count
    if "tokens" in sizes and len(sizes) > 1:
        msg = (
            f"track_api_call: tokens={sizes['tokens']!r} beside {sorted(sizes.keys() - {'tokens'})}; give one or other"
        )
        raise SetupError(msg)
    for whole, parts in _PARTS.items():
        most = sum(sizes.get(part, 0) for part in parts)
        if most > sizes.get(whole, 0):
            given = f"{whole}={sizes.get(whole)!r}"
            msg = f"track_api_call: {' + '.join(parts)} are {most}, more than {given}, of which they are a part"
            raise SetupError(msg)
