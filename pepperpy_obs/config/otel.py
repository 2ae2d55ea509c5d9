"""What OpenTelemetry's own variables say: they hold where no setting of ours does.

`OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` name the service; `OTEL_EXPORTER_OTLP_*` say how OTLP is sent, once
`otlp_signals` asks for that: applications set them for exporters of their own.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Endpoint", "endpoint_of", "is_disabled", "metric_interval", "otel_settings", "resource_attributes"]

_OTLP: Final = "OTEL_EXPORTER_OTLP_"
_DEFAULT: Final = "http://localhost:4318"
_FILES: Final = {
    "otlp_ca_file": "CERTIFICATE",
    "otlp_client_cert": "CLIENT_CERTIFICATE",
    "otlp_client_key": "CLIENT_KEY",
}


class Endpoint(NamedTuple):
    """Where one signal goes, with which headers beside the common ones."""

    url: str
    path: str
    headers: Mapping[str, str]


def otel_settings(given: Collection[str]) -> dict[str, tuple[Any, str]]:
    """Return settings that are not given elsewhere, each with the variable that it comes from."""
    found: dict[str, tuple[Any, str]] = {}
    told = resource_attributes()
    if service := os.environ.get("OTEL_SERVICE_NAME"):
        found["service"] = service, "OTEL_SERVICE_NAME"
    elif service := told.get("service.name"):
        found["service"] = service, "OTEL_RESOURCE_ATTRIBUTES"
    if deployment := told.get("deployment.environment.name") or told.get("deployment.environment"):
        found["environment"] = deployment, "OTEL_RESOURCE_ATTRIBUTES"
    if "otlp_signals" in given:
        found |= _otlp(given)
    return {name: each for name, each in found.items() if name not in given}


def _otlp(given: Collection[str]) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    if "otlp_url" not in given:
        variable = f"{_OTLP}ENDPOINT"
        found["otlp_url"] = os.environ.get(variable, "").rstrip("/") or _DEFAULT, variable
        if headers := _pairs(os.environ.get(f"{_OTLP}HEADERS", "")):
            found["otlp_headers"] = tuple(f"{name}: {value}" for name, value in headers.items()), f"{_OTLP}HEADERS"
    for name, end in _FILES.items():
        if path := os.environ.get(_OTLP + end):
            found[name] = path, _OTLP + end
    if compression := os.environ.get(f"{_OTLP}COMPRESSION"):
        found["otlp_gzip"] = compression.strip().lower() == "gzip", f"{_OTLP}COMPRESSION"
    variable = f"{_OTLP}METRICS_TEMPORALITY_PREFERENCE"
    if preference := os.environ.get(variable):
        found["otlp_temporality"] = "cumulative" if preference.strip().lower() == "cumulative" else "delta", variable
    return found


def resource_attributes() -> dict[str, str]:
    """Return what `OTEL_RESOURCE_ATTRIBUTES` says of the process."""
    return _pairs(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))


def is_disabled(signal: str) -> bool:
    """Tell whether nothing of a signal is to be sent."""
    switched_off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return switched_off or os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip().lower() == "none"


def endpoint_of(signal: str) -> Endpoint | None:
    """Return a signal's own address, which is used as it is, and its headers; None if it has no address of its own."""
    told = os.environ.get(f"{_OTLP}{signal.upper()}_ENDPOINT", "").strip()
    if not told:
        return None
    parts = urlsplit(told)
    headers = _pairs(os.environ.get(f"{_OTLP}{signal.upper()}_HEADERS", ""))
    return Endpoint(f"{parts.scheme}://{parts.netloc}", parts.path or "/", headers)


def metric_interval() -> float | None:
    """Return every how many seconds metrics are sent, if `OTEL_METRIC_EXPORT_INTERVAL` says so in milliseconds."""
    told = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip()
    return int(told) / 1e3 if told.isdigit() and int(told) else None


def _pairs(text: str) -> dict[str, str]:
    """Return the pairs of a text like `name=value,name=value`; what is encoded as in an address is decoded."""
    pairs = (part.partition("=") for part in text.split(","))
    return {unquote(name.strip()): unquote(value.strip()) for name, sign, value in pairs if sign and name.strip()}
