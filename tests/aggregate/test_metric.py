from __future__ import annotations

from typing import Any

import pytest

from pepperpy_obs.aggregate.metric import Metric, checked_labels
from pepperpy_obs.errors import SetupError


class TestMetric:
    @pytest.mark.parametrize("name", ["custom_operation", "a", "A1", "orders_total"])
    def test_good_names(self, name: str) -> None:
        """Names that Prometheus and OpenTelemetry both take are taken."""
        assert Metric(name).name == name

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"name": "my metric"}, "metric name 'my metric': use a letter, then letters, digits and _"),
            ({"name": "_private"}, "metric name '_private'"),
            ({"name": "job:rate"}, "metric name 'job:rate'"),
            ({"name": "gen_ai.cost"}, "metric name 'gen_ai.cost'"),
            ({"name": ""}, "metric name ''"),
            ({"name": "größe"}, "metric name 'größe'"),
            ({"name": "a\n"}, r"metric name 'a\\n'"),
            ({"name": "x" * 201}, "200 at most"),
            ({"name": "latency_bucket"}, "_bucket, _count, _created, _sum at the end are kept"),
            ({"name": "pepperpy_mine"}, "names in pepperpy_ are this package's own; leave the prefix out"),
            ({"name": "size_total", "kind": "gauge"}, "_total at the end promises a counter, but this is a gauge"),
            (
                {"name": "size", "kind": "summary"},
                "metric kind 'summary' of 'size': use one of counter, gauge, histogram",
            ),
            ({"name": "size", "unit": "µs"}, "unit 'µs' of metric 'size': use at most 63 ASCII characters"),
        ],
    )
    def test_bad_ones(self, options: dict[str, Any], message: str) -> None:
        """A wrong definition is refused where it stands, and the message says what is accepted."""
        with pytest.raises(SetupError, match=message):
            Metric(**options)

    def test_fields(self) -> None:
        """A value becomes the keys of an event."""
        assert Metric("tickets", "Solved", "1").fields(2, {"team": 7}) == {
            "metric": "tickets",
            "metric_kind": "counter",
            "metric_unit": "1",
            "metric_description": "Solved",
            "value": 2,
            "labels": {"team": "7"},
        }

    @pytest.mark.parametrize("name", ["le", "quantile", "__name__", "a-b", "1st", ""])
    def test_bad_labels(self, name: str) -> None:
        """Label names that Prometheus keeps for itself or cannot spell are refused."""
        with pytest.raises(SetupError, match=f"label name {name!r}: use letters, digits and _"):
            checked_labels({name: 1})
