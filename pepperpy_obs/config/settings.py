"""`Config`: every setting, wherever it is given, checked when it is made.

What the settings are stands in `fields`, `shipping` and `storing`.
It starts nothing and opens nothing: `pepperpy_obs.configure` does, with what it finds here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import environ
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args, get_origin

from pydantic import ValidationError, field_validator

from pepperpy_obs.config.alerting import AlertSettings
from pepperpy_obs.config.complaint import complain
from pepperpy_obs.config.origin import DEFAULT_FILE, PREFIX, check_names, read_file, variables
from pepperpy_obs.config.otel import otel_settings
from pepperpy_obs.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationInfo

__all__ = ["Config"]

_OFF: Final = ("", "none", "off")
_ORIGINS: Final = "_origins"


def _parts(text: str) -> object:
    """Return the names of a list as people write them into a variable: a, b or as JSON."""
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return tuple(part.strip() for part in text.split(",") if part.strip())


class Config(AlertSettings):
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

    if not TYPE_CHECKING:  # so that type checkers know the keywords by the fields

        def __init__(self, **keywords: Any) -> None:
            fields = type(self).model_fields
            check_names(keywords, fields, "keyword")
            known = variables(fields)
            named, origin = _named_file(keywords, known)
            path, settings = read_file(named, origin, [name for name in fields if name != "config_file"])
            # Keywords are the uppermost layer of pydantic-settings: what the file says may join them
            # wherever the environment is silent.
            told = otel_settings({*keywords, *known, *settings})
            below = {name: value for name, (value, _) in told.items()}
            below |= {name: value for name, value in settings.items() if name not in known}
            origins = (
                {name: f"environment variable {variable}" for name, (_, variable) in told.items()}
                | dict.fromkeys(settings, f"file {path}")
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
            return _parts(value)
        return value

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
    """Return the settings file to be read, None for none, and the source that named it."""
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
