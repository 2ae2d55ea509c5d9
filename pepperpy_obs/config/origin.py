"""Where settings come from: which are given, by which source, and which names are unknown.

Keywords win over environment variables, which win over the settings file. Values are
never looked at here, except that an empty variable counts as absent.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pepperpy_obs.errors import ConfigError

__all__ = ["DEFAULT_FILE", "PREFIX", "check_names", "read_file", "variables"]

PREFIX: Final = "PEPPERPY_"
DEFAULT_FILE: Final = Path("config") / "pepperpy_obs.toml"
"""Read when it is there and no other file is named; relative to the working directory."""


def check_names(given: Collection[str], accepted: Collection[str], origin: str) -> None:
    """Raise ConfigError if a name in `given` is not an accepted one, and say which one it is closest to."""
    for name in given:
        if name not in accepted:
            msg = f"unknown {origin} {name!r};{_hint(name, accepted)} accepted are: {', '.join(sorted(accepted))}"
            raise ConfigError(msg)


def _hint(name: str, accepted: Collection[str]) -> str:
    close = get_close_matches(name.lower().replace("-", "_"), accepted, n=1)
    return f" did you mean {close[0]!r}?" if close else ""


def variables(accepted: Collection[str]) -> dict[str, str]:
    """Return the variable that gives each setting, for those that the environment gives.

    Raises ConfigError for a ``PEPPERPY_`` variable that all but spells a setting. Others are left
    alone: they may belong to another program, such as Kubernetes, which sets ``PEPPERPY_SERVICE_HOST``
    in every pod once a Service is called "pepperpy".
    """
    found: dict[str, str] = {}
    for variable, value in os.environ.items():
        if not variable.upper().startswith(PREFIX) or not value:
            continue
        name = variable[len(PREFIX) :].lower()
        if name in accepted:
            found[name] = variable
        elif close := get_close_matches(name.removeprefix("obs_"), accepted, n=1, cutoff=0.8):
            msg = (
                f"unknown environment variable {variable!r}; did you mean '{PREFIX}{close[0].upper()}'? "
                f"Accepted are {PREFIX}CONFIG, which names a settings file, and {PREFIX} before one of: "
                f"{', '.join(sorted(accepted)).upper()}. If it belongs to another program, rename it there."
            )
            raise ConfigError(msg)
    return found


def read_file(
    named: str | Path | None, origin: str, accepted: Collection[str]
) -> tuple[Path | None, Mapping[str, Any]]:
    """Return the settings file and what it says; without `named`, or if it is a default that is not there, nothing."""
    if named is None:
        return None, {}
    path = Path(named).expanduser()
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if origin == "default":
            return None, {}
        msg = f"{origin}: settings file {str(path)!r} does not exist; name one that does, or none"
        raise ConfigError(msg) from None
    except (OSError, ValueError) as error:
        msg = f"{origin}: settings file {str(path)!r} cannot be read as TOML in UTF-8: {error}"
        raise ConfigError(msg) from error
    check_names(settings, accepted, f"key in {str(path)!r}:")
    return path, settings
