"""The settings of everything but shipping, and the kinds of values that settings have.

Each docstring is what `config/pepperpy_obs.example.toml` and the errors say of its setting.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr, TypeAdapter
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pepperpy_obs.config.origin import PREFIX
from pepperpy_obs.events import Level

__all__ = ["Amount", "Names", "PathLike", "Seconds", "Settings", "Size"]


def _path(path: Path | str | None) -> Path | None:
    """Make a path of what type checkers let people write: a string, too."""
    return None if path is None else Path(path).expanduser()


def _mode(mode: int | str) -> int | str:
    """Read permissions as people write them: in octal digits, also with "0o" before them."""
    try:
        return int(mode, 8) if isinstance(mode, str) else mode
    except ValueError:
        msg = 'should be permissions in octal digits, such as "0640"'
        raise ValueError(msg) from None


Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=0, le=65535)]
Names = Annotated[tuple[str, ...], NoDecode]
Size = Annotated[int, BeforeValidator(TypeAdapter(ByteSize).validate_python), Field(ge=0)]
Mode = Annotated[int, BeforeValidator(_mode), Field(ge=0, le=0o777)]
Checks = Annotated[
    tuple[
        Literal[
            "error_rate", "request_error_rate", "p95", "unpriced_share", "without_usage", "dropped", "event_age",
            "exporters", "alerts",
        ],
        ...,
    ],
    NoDecode,
]  # fmt: skip
PathLike = Annotated[Path | str | None, AfterValidator(_path)]


class Settings(BaseSettings):
    """What a service is called, what it counts and logs, and when it is healthy."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    config_file: PathLike = None
    """settings file in TOML, named by a keyword or by PEPPERPY_CONFIG; else config/pepperpy_obs.toml if it exists"""
    service: str = ""
    """name of this service, written into every event"""
    environment: str = ""
    """deployment it runs in, such as production, written into every event"""

    metrics_enabled: bool = True
    """whether anything is recorded at all"""
    metrics_interval: Seconds = 60
    """seconds between two pushes or stored rollups, where these are switched on"""
    metrics_export: Literal["prometheus", "none"] = "prometheus"
    """how metrics are offered; none: serve() and the Prometheus exporter refuse"""
    metrics_host: str = "127.0.0.1"
    """address that the metrics server listens on; "0.0.0.0" lets the whole network in"""
    metrics_port: Port = 8000
    """port of the metrics server, 0 to 65535; 0 takes a free one"""
    metrics_strict: bool = False
    """whether a port that is taken is an error, and not only logged and told by health"""
    metrics_allowed_hosts: Names = ()
    """host names that pages may be asked by, beside this machine's own, localhost and addresses; "*": any"""
    metrics_bearer_token: SecretStr = SecretStr("")
    """token that a request for a page must show"""
    metrics_user: str = ""
    """user that a request for a page must name, with metrics_password"""
    metrics_password: SecretStr = SecretStr("")
    """password of metrics_user"""
    metrics_cert_file: PathLike = None
    """certificate in PEM: pages are served over TLS"""
    metrics_key_file: PathLike = None
    """key of metrics_cert_file, if it is not in the same file"""
    recent_events_bytes: Size = 4 * 1024 * 1024
    """size of the latest events that a process with pages keeps in memory, to show calls and traces; 0: none"""
    openmetrics: bool = True
    """whether a scraper that asks for OpenMetrics gets it, with trace ids as exemplars"""
    max_series: Amount = 2000
    """label sets kept in memory; what comes after is counted as one, "_other", per family"""
    cost_attributes: Names = ()
    """names of fields of yours by whose values costs are reported, such as customer; or of several: customer+model"""
    price_file: PathLike = None
    """TOML file with prices of your own, which win over the shipped ones"""

    log_format: Literal["auto", "console", "json", "ecs", "none"] = "auto"
    """form of log lines; auto: console on a terminal, json elsewhere"""
    log_level: Level = "info"
    """lowest level that is logged; statistics count all"""
    log_file: PathLike = None
    """file that log lines are appended to, in place of log_stream"""
    log_stream: Literal["stderr", "stdout"] = "stderr"
    """stream that log lines go to"""
    log_max_bytes: Size = 64 * 1024 * 1024
    """size past which log_file is renamed and begun anew, such as "64MiB"; 0: never"""
    log_backups: Amount = 5
    """how many renamed files are kept beside log_file"""
    log_file_mode: Mode | None = None
    """permissions of a new log_file, such as "0644"; none: 0640 less what the umask takes away"""
    log_sample_rate: Share = 1.0
    """share of traces that is logged, 0 to 1; errors always are, and statistics count all"""
    log_to_structlog: bool = False
    """whether events are also handed to the application's own structlog"""

    expected_errors: Names = ()
    """full names of classes of exceptions that are no errors, such as celery.exceptions.Retry"""
    redact_keys: Names = ()
    """names of further fields whose value is never logged; passwords, tokens and keys never are"""
    redact_values: bool = True
    """whether text is searched for what looks like a secret"""
    max_field_length: Annotated[int, Field(ge=16)] = 8192
    """characters of one field, all that is nested in it included; what comes after is cut off"""

    buffer_limit: Amount = 4096
    """calls that may wait to be counted; the one that fills the buffer empties it"""
    drain_interval: Seconds = 0.05
    """seconds between two runs of the background thread that counts and logs"""
    shutdown_timeout: Annotated[float, Field(ge=0)] = 2.0
    """seconds that a shutdown may take at most"""
    handle_sigterm: bool = True
    """whether SIGTERM flushes first, if the application has no handler of its own"""

    health_window: Seconds = 300
    """seconds back that health checks look"""
    health_min_calls: Amount = 10
    """calls within the window below which shares and quantiles are not judged"""
    health_check_timeout: Seconds = 1.0
    """seconds that one health check may take"""
    health_max_error_rate: Share | None = 0.25
    """share of failed calls that is still healthy; none: not checked"""
    health_max_request_error_rate: Share | None = 0.25
    """share of failed requests to one provider that is still healthy; none: not checked"""
    health_max_p95_seconds: Seconds | None = None
    """95th percentile of durations that is still healthy; none: not checked"""
    health_max_unpriced_share: Share | None = 0.5
    """share of provider requests without a price that is still healthy; none: not checked"""
    health_max_dropped: Count | None = 0
    """dropped log lines that are still healthy; none: not checked"""
    health_max_ship_delay_seconds: Seconds | None = 60
    """age of the oldest event that a receiver has yet to take that is still healthy; none: not checked"""
    health_max_event_age_seconds: Seconds | None = None
    """age of the newest event that is still healthy; none: not checked"""
    ready_checks: Checks = ("event_age",)
    """built-in health checks that /readyz depends on, beside your own; error_rate would take all out of work at once"""
