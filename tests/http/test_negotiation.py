from __future__ import annotations

import pytest

from pepperpy_obs.http.negotiation import accepts_gzip, prefers_openmetrics

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    "accept,openmetrics",
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain;version=0.0.4", False),
        (PROMETHEUS_2_42, True),
        (PROMETHEUS_3, True),
        ("Application/OpenMetrics-Text; version=1.0.0", True),
        ('application/openmetrics-text; version="1.0.0"', True),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=9.0.0,text/plain;q=0.1", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=high", False),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.5", False),
        (";;,,;q=", False),
    ],
)
def test_openmetrics_is_given_to_those_who_ask_for_it(accept: str, openmetrics: bool) -> None:
    """OpenMetrics goes out only by its name, in version 1.0.0, and if it is liked no less than plain text."""
    assert prefers_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    "header,packed",
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.1", True),
        ("*", True),
        ("gzip;q=0, *;q=0", False),
        ("br", False),
    ],
)
def test_gzip_is_used_where_it_is_accepted(header: str, packed: bool) -> None:
    """A body is compressed only for clients that accept gzip by name or by the wildcard."""
    assert accepts_gzip(header) is packed
