"""`Config`: every setting, its default and what is accepted.

It starts nothing and opens nothing: `pepperpy_obs.configure` does, with what it finds here.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import environ
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, get_args, get_origin

from pydantic import BeforeValidator, ByteSize, Field, TypeAdapter, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pepperpy_obs.config.complaint import complain
from pepperpy_obs.config.origin import DEFAULT_FILE, PREFIX, check_names, read_file, variables
from pepperpy_obs.errors import ConfigError
from pepperpy_obs.events import Level

if TYPE_CHECKING:
    from pydantic import ValidationInfo

__all__ = ["Config"]

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=0, le=65535)]
Names = Annotated[tuple[str, ...], NoDecode]
Size = Annotated[int, BeforeValidator(TypeAdapter(ByteSize).validate_python), Field(ge=0)]
PathLike = Path | str | None

_OFF: Final = ("", "none", "off")
_ORIGINS: Final = "_origins"


class Config(BaseSettings):
    """The settings of a runtime: frozen, and checked when it is made.

    Each may be given as a keyword, as a variable ``PEPPERPY_`` plus its name in capitals, or as a
    key of the settings file; the first of these that gives it wins. Whatever is wrong raises
    `ConfigError`, which says where it was given.

    >>> Config(service="billing", log_level="WARNING").log_level
    'warning'
    >>> Config(metrics_prot=9000)
    Traceback (most recent call last):
    pepperpy_obs.errors.ConfigError: unknown keyword 'metrics_prot'; did you mean 'metrics_port'? ...
    """

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
    """how metrics are offered"""
    metrics_host: str = "127.0.0.1"
    """address that the metrics server listens on; "0.0.0.0" lets the whole network in"""
    metrics_port: Port = 8000
    """port of the metrics server, 0 to 65535; 0 takes a free one"""
    openmetrics: bool = True
    """whether a scraper that asks for OpenMetrics gets it, with trace ids as exemplars"""
    max_series: Amount = 2000
    """label sets kept in memory; what comes after is counted as one, "_other", per family"""
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
    log_sample_rate: Share = 1.0
    """share of traces that is logged, 0 to 1; errors always are, and statistics count all"""
    log_to_structlog: bool = False
    """whether events are also handed to the application's own structlog"""

    redact_keys: Names = ()
    """names of further fields whose value is never logged; passwords, tokens and keys never are"""
    redact_values: bool = True
    """whether text is searched for what looks like a secret"""
    max_field_length: Annotated[int, Field(ge=16)] = 8192
    """characters of one field, all that is nested in it included; what comes after is cut off"""

    buffer_limit: Amount = 8192
    """calls that may wait to be counted; the one that fills the buffer empties it"""
    drain_interval: Seconds = 0.05
    """seconds between two rounds of the background thread that counts and logs"""
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
    health_max_error_rate: Share | None = 0.1
    """share of failed calls that is still healthy; none: not checked"""
    health_max_p95_seconds: Seconds | None = None
    """95th percentile of durations that is still healthy; none: not checked"""
    health_max_unpriced_share: Share | None = 0.5
    """share of provider requests without a price that is still healthy; none: not checked"""
    health_max_dropped: Count | None = 0
    """dropped log lines that are still healthy; none: not checked"""
    health_max_event_age_seconds: Seconds | None = None
    """age of the newest event that is still healthy; none: not checked"""

    if not TYPE_CHECKING:  # so that type checkers know the keywords by the fields

        def __init__(self, **keywords: Any) -> None:
            fields = type(self).model_fields
            check_names(keywords, fields, "keyword")
            known = variables(fields)
            named, origin = _named_file(keywords, known)
            path, settings = read_file(named, origin, [name for name in fields if name != "config_file"])
            # Keywords are the uppermost layer of pydantic-settings: what the file says may join them
            # wherever the environment is silent.
            below = {name: value for name, value in settings.items() if name not in known}
            origins = (
                dict.fromkeys(settings, f"file {path}")
                | {name: f"environment variable {variable}" for name, variable in known.items()}
                | dict.fromkeys(keywords, "keyword")
                | {"config_file": origin}
            )
            try:
                super().__init__(**(below | keywords | {"config_file": path}))
            except ValidationError as error:
                raise ConfigError(complain(error, fields, origins)) from None
            # Not a field, so that equal settings are equal wherever they came from.
            vars(self)[_ORIGINS] = origins

    @field_validator("*", mode="before")
    @classmethod
    def _tidy(cls, value: object, info: ValidationInfo) -> object:
        """Accept what people write in a shell: capitals, a list with commas, "none" for nothing."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and annotation is not bool:
            msg = "should not be a switch"
            raise ValueError(msg)
        if not isinstance(value, str):
            return value
        if NoneType in get_args(annotation) and value.lower() in _OFF:
            return None
        if get_origin(annotation) is Literal:
            return value.lower()
        if get_origin(annotation) is tuple:
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("config_file", "log_file", "price_file")
    @classmethod
    def _path(cls, path: PathLike) -> Path | None:
        """Make a path of what type checkers let people write: a string, too."""
        return None if path is None else Path(path).expanduser()

    @classmethod
    def defaults(cls) -> Self:
        """Return the default settings, whatever the environment and a settings file say."""
        config = cls.model_construct()
        vars(config)[_ORIGINS] = {}
        return config

    def sources(self) -> Mapping[str, str]:
        """Return where each setting came from: "keyword", the variable, the file, or "default"."""
        origins: Mapping[str, str] = vars(self)[_ORIGINS]
        return {name: origins.get(name, "default") for name in type(self).model_fields}


def _named_file(keywords: Mapping[str, Any], known: Mapping[str, str]) -> tuple[str | Path | None, str]:
    """Return the settings file to be read, None for none, and who named it."""
    if "config_file" in keywords:
        named = keywords["config_file"]
        if named is None or (named and isinstance(named, str | Path)):
            return named, "keyword"
        msg = f"keyword: config_file was given as {named!r}; it should be a path, or None to read no file"
        raise ConfigError(msg)
    variable = known.get("config_file", f"{PREFIX}CONFIG")
    if named := environ.get(variable):
        return named, f"environment variable {variable}"
    return DEFAULT_FILE, "default"
