"""OpenTelemetry's own variables hold where no setting of ours does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import Config
from pepperpy_obs.config.otel import metric_interval
from pepperpy_obs.runtime.sinks import metrics_sink, sinks_of
from pepperpy_obs.shipping.sink import SinkSpec

ALL: Any = ("logs", "traces", "metrics")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return what sets variables; there are none of OpenTelemetry's yet."""
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def sinks(config: Config) -> Mapping[str, SinkSpec]:
    """Return all receivers by name."""
    metrics = metrics_sink(config)
    return {one.name: one for one in (*sinks_of(config), *([] if metrics is None else [metrics]))}


def places(config: Config) -> dict[str, str]:
    """Return where each signal goes."""
    return {name: one.url + getattr(one, "path", "") for name, one in sinks(config).items()}


def test_they_name_the_service_and_the_deployment(variables: pytest.MonkeyPatch) -> None:
    """The more special one wins; our own settings win over both."""
    variables.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=a%20b,deployment.environment.name=prod,host.name=h")
    config = Config(config_file=None)
    assert (config.service, config.environment) == ("a b", "prod")
    assert config.sources()["service"] == "environment variable OTEL_RESOURCE_ATTRIBUTES"
    variables.setenv("OTEL_SERVICE_NAME", "shop")
    assert Config(config_file=None).service == "shop"
    assert Config(config_file=None, service="mine").service == "mine"
    variables.setenv("PEPPERPY_SERVICE", "ours")
    assert Config(config_file=None).service == "ours"


def test_an_address_alone_sends_nothing(variables: pytest.MonkeyPatch) -> None:
    """It may be there for the application's own exporters."""
    variables.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert places(Config(config_file=None)) == {}


def test_signals_that_are_asked_for_go_where_they_say(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A signal's own address is used as it is; headers, certificate, compression and temporality likewise."""
    ca = tmp_path / "ca.pem"
    ca.touch()
    for name, value in {
        "ENDPOINT": "https://collector:4318/",
        "HEADERS": "x-tenant=a%2Cb,x-key=secret",
        "METRICS_ENDPOINT": "https://mimir:9009/otlp/v1/metrics",
        "METRICS_HEADERS": "x-tenant=c",
        "CERTIFICATE": str(ca),
        "COMPRESSION": "none",
        "METRICS_TEMPORALITY_PREFERENCE": "lowmemory",
    }.items():
        variables.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    config = Config(config_file=None, otlp_signals=ALL)
    assert places(config) == {
        "otlp": "https://collector:4318/v1/logs",
        "otlp_traces": "https://collector:4318/v1/traces",
        "otlp_metrics": "https://mimir:9009/otlp/v1/metrics",
    }
    found = sinks(config)
    assert found["otlp_traces"].headers == {"x-tenant": "a,b", "x-key": "secret"}
    assert found["otlp_metrics"].headers == {"x-tenant": "c", "x-key": "secret"}
    assert (found["otlp"].ca_file, found["otlp"].gzip, config.otlp_temporality) == (ca, False, "delta")


def test_without_an_address_it_is_the_default_one(variables: pytest.MonkeyPatch) -> None:
    """A collector on this machine."""
    assert places(Config(config_file=None, otlp_signals=("traces",))) == {
        "otlp_traces": "http://localhost:4318/v1/traces"
    }


def test_our_own_address_wins(variables: pytest.MonkeyPatch) -> None:
    """Then no address and no header of theirs is used."""
    variables.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318")
    variables.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://other:4318/x")
    variables.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    config = Config(config_file=None, otlp_url="http://ours:4318", otlp_signals=("logs",))
    assert places(config) == {"otlp": "http://ours:4318/v1/logs"}
    assert sinks(config)["otlp"].headers == {}


def test_what_is_switched_off_is_not_sent(variables: pytest.MonkeyPatch) -> None:
    """One signal, or all."""
    config = Config(config_file=None, otlp_url="http://ours:4318", otlp_signals=ALL)
    variables.setenv("OTEL_METRICS_EXPORTER", "none")
    assert set(places(config)) == {"otlp", "otlp_traces"}
    variables.setenv("OTEL_SDK_DISABLED", "TRUE")
    assert places(config) == {}


@pytest.mark.parametrize("told, seconds", [("500", 0.5), ("0", None), ("", None), ("soon", None)])
def test_the_interval_of_metrics(told: str, seconds: float | None, variables: pytest.MonkeyPatch) -> None:
    """In milliseconds there; what is none is left aside."""
    variables.setenv("OTEL_METRIC_EXPORT_INTERVAL", told)
    assert metric_interval() == seconds
