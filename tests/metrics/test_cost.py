"""`CostAnalyzer`: what it would have cost of another model."""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal

import pytest

from pepperpy_obs import Config, SetupError
from pepperpy_obs.metrics import CostAnalyzer, MetricsCollector, UsageTracker
from pepperpy_obs.reports.comparison import Difference


@pytest.fixture
def collector() -> Generator[MetricsCollector]:
    """Give a collector that has seen requests to two models, one of them without a price."""
    collector = MetricsCollector(Config(config_file=None, log_format="none"))
    tracker = UsageTracker(collector)
    for _ in range(2):
        tracker.track("google", "ask", input_tokens=150_000, output_tokens=1000, model="gemini-2.5-pro")
    tracker.track("in-house", "ask", input_tokens=1000, output_tokens=1000, model="lorem-9b")
    yield collector
    collector.shutdown()


def test_what_if(collector: MetricsCollector) -> None:
    """The same tokens at the other model's prices; a sum of short requests is not priced as one long request."""
    analyzer = CostAnalyzer(collector)
    comparison = analyzer.what_if("google/gemini-2.5-pro")
    cost = 2 * (Decimal("0.1875") + Decimal("0.01"))
    zero = Decimal(0)
    assert comparison.models == {
        "gemini-2.5-pro": Difference(2, cost, cost, zero, 0, zero, 0, zero),
        "lorem-9b": Difference(1, None, Decimal("0.01125"), None, 1, Decimal("0.01125"), 0, zero),
    }
    assert (comparison.total.recorded, comparison.total.other) == (cost, cost + Decimal("0.01125"))
    assert "token-equal" in str(comparison)


def test_a_model_that_nobody_knows(collector: MetricsCollector) -> None:
    """Unknown is not free: it is refused, and the message says what would do."""
    with pytest.raises(SetupError, match="'no-such-model' has no price per token; give a model's name, such as"):
        CostAnalyzer(collector).what_if("no-such-model")
