"""The figures of docs/anomalies.md do not get worse: a part of the benchmark, with room for chance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.anomalies import measured
from benchmarks.incidents import generated


@pytest.mark.slow
def test_labelled_series_of_others(shared: Callable[[str], Path]) -> None:
    """Of the groups with few points: precision, recall and false alarms of all their series together."""
    folder = shared("data/anomalies/nab_aws.csv.gz").parent
    found = measured(
        folder, ["aiops_kpi", "nab_ads", "nab_artificial", "nab_artificial_clean", "nab_aws", "nab_traffic"]
    )
    assert found["pooled"]["precision"] >= 0.75
    assert found["pooled"]["recall"] >= 0.28
    assert found["pooled"]["false_alarms_a_series_month"] <= 1
    assert found["bytes_a_series"] <= 4096
    assert found["mean_f1"] >= 0.5


@pytest.mark.slow
def test_made_incidents() -> None:
    """Of each kind one series: most incidents are found, and few alarms are false."""
    found = generated(1)
    for kind, size, recall in (
        ("Gaussian noise", "3.0", 0.8),
        ("calls, Poisson 6 a minute", "3.0", 0.7),
        ("latency, 100 calls", "1.5", 0.8),
        ("errors from 2 %, 100 calls, steps of 5 minutes", "0.1", 0.5),
        ("errors from 2 %, 100 calls, steps of a minute", "0.2", 0.9),
    ):
        row = found[kind]
        assert row[size]["recall"] >= recall, kind
        assert row[size]["precision"] >= 0.8, kind
        assert row["false alarms a month of clean series"] <= 3, kind
