"""The settings of shipping: which receivers events are sent to, as whom, and where events wait meanwhile.

Every receiver has the same settings, each with the receiver's kind before it.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import NoDecode

from pepperpy_obs.config.fields import Names, PathLike, Settings, Size

__all__ = ["ShippingSettings"]

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*")


def _root(url: str | None) -> str | None:
    """Refuse what is no address, and credentials in it: logs and errors would show them."""
    if url is None:
        return None
    parts = urlsplit(url)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or set("?#").intersection(url)
        or "@" in parts.netloc
    ):
        msg = "should be like 'https://host:port', without credentials, '?' and '#'"
        raise ValueError(msg)
    return url


def _header(line: SecretStr) -> SecretStr:
    if not _HEADER.fullmatch(line.get_secret_value()):
        msg = "should be headers like 'Name: value'"
        raise ValueError(msg)
    return line


Url = Annotated[str | None, AfterValidator(_root)]
Signals = Annotated[tuple[Literal["logs", "traces", "metrics"], ...], NoDecode]
Headers = Annotated[tuple[Annotated[SecretStr, AfterValidator(_header)], ...], NoDecode]
Nothing: Final = SecretStr("")


class ShippingSettings(Settings):
    """Where events are sent to; a receiver without a URL is off."""

    ship_directory: PathLike = None
    """directory in which events wait until their receivers have them; none: one of the user's own, named by service"""
    ship_max_bytes: Annotated[Size, Field(ge=16 * 1024 * 1024)] = 256 * 1024 * 1024
    """size past which the oldest waiting events are dropped, and counted, at least "16MiB"; for each process"""
    ship_fsync: Literal["always", "interval", "never"] = "interval"
    """when events are made safe from a power cut: with every write, five times a second, or when the system sees fit"""

    ship_dead_letter_max_bytes: Annotated[Size, Field(ge=64 * 1024)] = 16 * 1024 * 1024
    """size past which the oldest refused events go, at least "64KiB"; for each receiver of each process"""

    loki_url: Url = None
    """address of Loki that events are sent to, such as http://loki:3100; none: off"""
    loki_tenant: str = ""
    """tenant that events belong to (X-Scope-OrgID)"""
    loki_labels: Names = ()
    """further labels of every stream, each as name=value"""
    loki_metadata: bool = True
    """whether trace id, operation, model and so on go as structured metadata, too; Loki needs schema v13 and tsdb"""
    loki_user: str = ""
    """user that Loki knows us as"""
    loki_password: SecretStr = Nothing
    """password of that user"""
    loki_bearer_token: SecretStr = Nothing
    """token sent in place of user and password"""
    loki_api_key: SecretStr = Nothing
    """API key sent in place of user and password, as base64 of id:key"""
    loki_headers: Headers = ()
    """further headers of every request, each as Name: value"""
    loki_ca_file: PathLike = None
    """PEM file of the authorities to trust in place of the system's"""
    loki_client_cert: PathLike = None
    """PEM file of the certificate that we identify ourselves with"""
    loki_client_key: PathLike = None
    """PEM file of its key, unless client_cert holds that, too"""
    loki_gzip: bool = True
    """whether requests are compressed"""

    elastic_url: Url = None
    """address of Elasticsearch that events are sent to, such as https://elastic:9200; none: off"""
    elastic_target: str = "logs-pepperpy.events-default"
    """data stream, index or alias that events go to"""
    elastic_user: str = ""
    """user that Elasticsearch knows us as"""
    elastic_password: SecretStr = Nothing
    """password of that user"""
    elastic_bearer_token: SecretStr = Nothing
    """token sent in place of user and password"""
    elastic_api_key: SecretStr = Nothing
    """API key sent in place of user and password, as base64 of id:key"""
    elastic_headers: Headers = ()
    """further headers of every request, each as Name: value"""
    elastic_ca_file: PathLike = None
    """PEM file of the authorities to trust in place of the system's"""
    elastic_client_cert: PathLike = None
    """PEM file of the certificate that we identify ourselves with"""
    elastic_client_key: PathLike = None
    """PEM file of its key, unless client_cert holds that, too"""
    elastic_gzip: bool = True
    """whether requests are compressed"""

    logstash_url: Url = None
    """address of Logstash's http input that events are sent to, such as http://logstash:8080; none: off"""
    logstash_user: str = ""
    """user that Logstash's http input knows us as"""
    logstash_password: SecretStr = Nothing
    """password of that user"""
    logstash_bearer_token: SecretStr = Nothing
    """token sent in place of user and password"""
    logstash_api_key: SecretStr = Nothing
    """API key sent in place of user and password, as base64 of id:key"""
    logstash_headers: Headers = ()
    """further headers of every request, each as Name: value"""
    logstash_ca_file: PathLike = None
    """PEM file of the authorities to trust in place of the system's"""
    logstash_client_cert: PathLike = None
    """PEM file of the certificate that we identify ourselves with"""
    logstash_client_key: PathLike = None
    """PEM file of its key, unless client_cert holds that, too"""
    logstash_gzip: bool = True
    """whether requests are compressed"""

    otlp_url: Url = None
    """address of an OpenTelemetry collector that events are sent to, such as http://collector:4318; none: off"""
    otlp_signals: Signals = ("logs",)
    """what goes to otlp_url, of logs, traces and metrics; where it is set, OTEL_EXPORTER_OTLP_* may give the address"""
    otlp_temporality: Literal["cumulative", "delta"] = "cumulative"
    """whether metrics are told since the start, or since the time before; Prometheus wants cumulative"""
    genai_conventions: Literal["semconv-1.41", "genai-0.1"] = "semconv-1.41"
    """OpenTelemetry's GenAI conventions that names of OTLP follow: the last of semconv, or the first of their own"""
    otlp_user: str = ""
    """user that an OpenTelemetry collector knows us as"""
    otlp_password: SecretStr = Nothing
    """password of that user"""
    otlp_bearer_token: SecretStr = Nothing
    """token sent in place of user and password"""
    otlp_api_key: SecretStr = Nothing
    """API key sent in place of user and password, as base64 of id:key"""
    otlp_headers: Headers = ()
    """further headers of every request, each as Name: value"""
    otlp_ca_file: PathLike = None
    """PEM file of the authorities to trust in place of the system's"""
    otlp_client_cert: PathLike = None
    """PEM file of the certificate that we identify ourselves with"""
    otlp_client_key: PathLike = None
    """PEM file of its key, unless client_cert holds that, too"""
    otlp_gzip: bool = True
    """whether requests are compressed"""
