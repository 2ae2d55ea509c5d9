from __future__ import annotations

import random
from typing import Any

import pytest
from structlog import DropEvent

from pepperpy_obs.errors import SetupError
from pepperpy_obs.processors import Sampler


def is_kept(sample: Sampler, event: dict[str, Any]) -> bool:
    """Return whether the event passes, and comes out as it went in."""
    before = dict(event)
    try:
        return sample(None, "info", event) == before
    except DropEvent:
        return False


def traces(count: int) -> list[str]:
    """Return trace ids as they are made."""
    generator = random.Random(7)
    return [f"{generator.getrandbits(128):032x}" for _ in range(count)]


class TestSample:
    def test_keeps_about_its_share(self) -> None:
        """Of many traces about the given share is kept, and a smaller share is part of a larger one."""
        kept = {
            rate: {trace for trace in traces(10_000) if is_kept(Sampler(rate), {"trace_id": trace})}
            for rate in (0.1, 0.5)
        }

        assert 900 < len(kept[0.1]) < 1100
        assert 4800 < len(kept[0.5]) < 5200
        assert kept[0.1] < kept[0.5]

    def test_a_trace_stays_together(self) -> None:
        """All events of a trace share its fate, whichever sampler judges them."""
        for trace in traces(200):
            fates = {
                is_kept(Sampler(0.5), {"trace_id": trace, "operation": name}) for name in ("plan", "search", "llm")
            }
            assert len(fates) == 1

    def test_decides_as_opentelemetry_does(self) -> None:
        """The lower 64 bits of the trace id are compared with the rate, as `TraceIdRatioBased` does."""
        sample = Sampler(0.25)

        assert is_kept(sample, {"trace_id": "f" * 16 + "3fffffffffffffff"})
        assert not is_kept(sample, {"trace_id": "0" * 16 + "4000000000000000"})

    @pytest.mark.parametrize(
        "event",
        [{"outcome": "error"}, {"level": "error"}, {"level": "warning"}, {"level": "critical"}, {"trace_id": None}],
    )
    def test_never_drops(self, event: dict[str, Any]) -> None:
        """Errors, warnings, and events of no trace are kept at any rate."""
        assert is_kept(Sampler(0), {"trace_id": "f" * 32, "level": "info", "outcome": "ok", **event})

    def test_all_and_none(self) -> None:
        """A rate of 1 keeps everything, a rate of 0 nothing but these."""
        assert [is_kept(Sampler(rate), {"trace_id": end * 32}) for rate in (1, 0) for end in "0f"] == [
            True,
            True,
            False,
            False,
        ]

    @pytest.mark.parametrize("trace_id", ["my trace", 17, "ä", ["x"], "\ud800"])
    def test_ids_of_others(self, trace_id: object) -> None:
        """A trace id that is none of W3C's is judged too, always in the same way."""
        assert len({is_kept(Sampler(0.5), {"trace_id": trace_id}) for _ in range(5)}) == 1

    @pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
    def test_a_rate_that_is_none(self, rate: float) -> None:
        """A rate outside 0 to 1 is an error at set-up."""
        with pytest.raises(SetupError, match="it is a share of all traces, from 0 to 1"):
            Sampler(rate)
