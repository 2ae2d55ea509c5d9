"""Opens a source by its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pepperpy_obs import _dispatch
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.readings.source import Source
from pepperpy_obs.sources.service import Service

__all__ = ["as_source", "is_url", "source"]

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ACCEPTED: Final = (
    "give nothing (this process), log files, http:// or https:// of a running service, sqlite:/// or postgresql://"
    " of a store, shared:/directory of processes, prometheus+http(s):// of a fleet, loki+http(s):// or"
    " elasticsearch+http(s):// of shipped events"
)


def source(*places: str | Path, config: Config | None = None) -> Source:
    """Return what can be read: this process, or by their names log files or a running service.

    `source()` is this process; `source("app.log", "app.log.1")` are logs, plain or gzip, in any order;
    `source("http://host:8000")` is a service that `serve()` shows; `source("shared:/run/shop")` are processes that
    share a directory, `source("prometheus+http://host:9090")` is a fleet that is scraped; `source("sqlite:///obs.db")`
    and `source("postgresql://host/db")` are what `store_url` has kept; `source("loki+http://host:3100?service=shop")`
    and `source("elasticsearch+https://host:9200/target")` are events that were shipped. `config` says how series are
    limited and redacted where they are made here, and which credentials are shown; by default the settings in force.

    >>> sum(source().reading("5m").snapshot.events.values()) >= 0
    True
    """
    if not places:
        here: Source = _dispatch.runtime()
        return here
    settings = _dispatch.runtime().config if config is None else config
    urls = [str(place) for place in places if is_url(place)]
    if not urls:
        from pepperpy_obs.replay.logs import LogFiles  # noqa: PLC0415 - loads what reads logs

        return LogFiles([str(place) for place in places], settings)
    if len(places) > 1:
        msg = f"{len(places)} places of which {len(urls)} are URLs; give one URL, or several log files"
        raise SetupError(msg)
    return _open(urls[0], settings)


def as_source(given: Source | str | Path | None) -> Source:
    """Return a source, or what `source` makes of its name; SetupError for anything else."""
    if given is None:
        return source()
    if isinstance(given, str | Path):
        return source(given)
    if isinstance(given, Source):  # pyright: ignore[reportUnnecessaryIsInstance] - users without a type checker
        return given
    msg = f"source={given!r}; give a source, the name of a log file or a URL"  # type: ignore[unreachable]
    raise SetupError(msg)


def is_url(place: object) -> bool:
    """Tell whether a name is an address and not a file."""
    text = str(place)
    begins = text.startswith(("sqlite:", "postgresql:", "shared:"))
    return not isinstance(place, Path) and bool(begins or _SCHEME.match(text))


def _open(url: str, config: Config) -> Source:
    scheme = url.partition(":")[0].lower()
    opener = _OPENERS.get(scheme)
    if opener is None:
        msg = f"a source {scheme}: names no source that is known; {_ACCEPTED}"
        raise SetupError(msg)
    return opener(url, config)


def _loki(url: str, config: Config) -> Source:
    from pepperpy_obs.replay.loki import LokiLog  # noqa: PLC0415 - loads what ships

    return LokiLog(url, config)


def _elastic(url: str, config: Config) -> Source:
    from pepperpy_obs.replay.elastic import ElasticLog  # noqa: PLC0415 - loads what ships

    return ElasticLog(url, config)


def _store(url: str, config: Config) -> Source:
    from pepperpy_obs.storage.opening import open_source  # noqa: PLC0415 - loads SQLAlchemy

    return open_source(url, config)


def _shared(url: str, config: Config) -> Source:
    from pepperpy_obs.fleet.directory import Directory  # noqa: PLC0415 - loaded when first asked for
    from pepperpy_obs.fleet.source import SharedSource  # noqa: PLC0415 - as above

    directory = Directory(Path(url.partition(":")[2].removeprefix("//")))
    directory.check()
    return SharedSource(directory, config)


def _prometheus(url: str, config: Config) -> Source:
    from pepperpy_obs.fleet.prometheus import PrometheusSource  # noqa: PLC0415 - loaded when first asked for

    found = PrometheusSource(url, config)
    found.check()
    return found


_OPENERS: Final[dict[str, Callable[[str, Config], Source]]] = {
    "http": Service,
    "https": Service,
    "shared": _shared,
    "sqlite": _store,
    "postgresql": _store,
    "prometheus+http": _prometheus,
    "prometheus+https": _prometheus,
    "loki+http": _loki,
    "loki+https": _loki,
    "elasticsearch+http": _elastic,
    "elasticsearch+https": _elastic,
}
