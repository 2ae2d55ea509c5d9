"""The receivers that a Config names, and the shipper that sends to them.

Sending takes an HTTP client, which is loaded here and only when a receiver is named.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_obs.config.otel import endpoint_of, is_disabled, resource_attributes
from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping import spool_directories
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.otlp_metrics import OtlpMetrics
from pepperpy_obs.shipping.otlp_traces import OtlpTraces
from pepperpy_obs.shipping.spool import Bounds

if TYPE_CHECKING:
    from pepperpy_obs.config import Config
    from pepperpy_obs.shipping.shipper import Shipper
    from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["KINDS", "backlogs", "loading", "metrics_sink", "open_shipper", "ship_to", "sinks_of", "spool_of"]

KINDS = ("loki", "elastic", "logstash", "otlp")
"""What stands before a receiver's settings."""

_LOG = logging.getLogger("pepperpy_obs")
_UNSAFE = re.compile(r"[^\w.-]|^\.+")


def sinks_of(config: Config) -> list[SinkSpec]:
    """Return every receiver that has a URL; raises SetupError for what contradicts itself or is not there."""
    sinks: list[SinkSpec] = []
    if config.loki_url is not None:
        labels = _pairs("loki_labels", config.loki_labels)
        sinks.append(
            Loki(**_common(config, "loki"), tenant=config.loki_tenant, labels=labels, metadata=config.loki_metadata)
        )
    if config.elastic_url is not None:
        sinks.append(Elastic(**_common(config, "elastic"), target=config.elastic_target))
    if config.logstash_url is not None:
        sinks.append(Logstash(**_common(config, "logstash")))
    for signal, kind in (("logs", Otlp), ("traces", OtlpTraces)):
        if (sink := _otlp(config, signal, kind)) is not None:
            sinks.append(sink)
    return sinks


def metrics_sink(config: Config) -> SinkSpec | None:
    """Return what metrics are sent to, if anything; they have a spool of their own, as they are no events."""
    return _otlp(config, "metrics", OtlpMetrics)


def _otlp(config: Config, signal: str, kind: type[Otlp]) -> Otlp | None:
    """Return the receiver of one signal of OTLP; None if it is not asked for, or OpenTelemetry is switched off."""
    if config.otlp_url is None or signal not in config.otlp_signals or is_disabled(signal):
        return None
    facts = _common(config, "otlp")
    # Variables of OpenTelemetry give an address only where otlp_url does not.
    if "OTEL_" in config.sources()["otlp_url"] and (own := endpoint_of(signal)) is not None:
        facts |= {"url": own.url, "path": own.path, "headers": {**facts["headers"], **own.headers}}
    name = "otlp" if signal == "logs" else f"otlp_{signal}"
    return kind(name=name, conventions=config.genai_conventions, resource=resource_attributes(), **facts)


def _common(config: Config, kind: str) -> dict[str, Any]:
    """Return the settings that all receivers share; the secrets among them are plain text from here on."""
    plain = ("url", "user", "ca_file", "client_cert", "client_key", "gzip")
    found = {name: getattr(config, f"{kind}_{name}") for name in plain}
    for name in ("password", "bearer_token", "api_key"):
        found[name] = getattr(config, f"{kind}_{name}").get_secret_value()
    lines = (line.get_secret_value().partition(":") for line in getattr(config, f"{kind}_headers"))
    return {**found, "headers": {name: value.strip() for name, _, value in lines}}


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    for pair in given:
        if "=" not in pair:
            msg = f"{option} holds {pair!r}; give name=value, several of them with commas between"
            raise SetupError(msg)
    return {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in given)}


def spool_of(config: Config) -> Path:
    """Return the directory in which events wait.

    By default it is the user's own (`XDG_STATE_HOME`), one for each service, and in there one for each set of
    receivers: a process that finds the events of an ended one sends them to its own receivers, so these must be the
    same.
    """
    if config.ship_directory is not None:
        return Path(config.ship_directory)
    places = [f"{kind} {getattr(config, f'{kind}_url')} {getattr(config, f'{kind}_user')}" for kind in KINDS]
    places += [str(config.loki_tenant), str(config.elastic_target)]
    return _own_state(config) / hashlib.sha256("\n".join(places).encode()).hexdigest()[:12]


def _own_state(config: Config) -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        root = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError as error:
        msg = f"events have no place to wait in: {error}; set ship_directory"
        raise SetupError(msg) from error
    return root / "pepperpy_obs" / (_UNSAFE.sub("_", config.service) or "spool")


def backlogs(config: Config) -> list[str]:
    """Return a sentence for each directory beside ours in which events of this service wait and no process sends them.

    Other settings have left them: another address, tenant, user or target, or no ship_directory.
    """
    own = spool_of(config)
    try:
        others = [path for path in _own_state(config).iterdir() if path.is_dir() and path != own]
    except (OSError, SetupError):
        return []
    found: list[str] = []
    for path in sorted(others):
        left = spool_directories.orphans(path)
        size = sum(segment.stat().st_size for one in left for segment in one.path.glob("*.seg"))
        for one in left:
            one.release()
        if left:
            found.append(f"{size} bytes of events wait in {path}: start once with that as ship_directory, or remove it")
    return found


@contextmanager
def loading(sinks: Sequence[SinkSpec]) -> Generator[None]:
    """Say what to install where the HTTP client is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        kind = sinks[0].kind
        msg = (
            f"{kind}_url is set, and sending takes {error.name!r}, which is missing: pip install 'pepperpy_obs[{kind}]'"
        )
        raise SetupError(msg) from error


def open_shipper(config: Config) -> Shipper | None:
    """Return the shipper of events to every receiver that `config` names, started; None if it names none."""
    if not (sinks := sinks_of(config)):
        return None
    for backlog in backlogs(config):
        _LOG.warning("pepperpy_obs: %s", backlog)
    return ship_to(sinks, spool_of(config), config)


def ship_to(sinks: Sequence[SinkSpec], directory: Path, config: Config) -> Shipper:
    """Return a shipper that keeps records in `directory`, started."""
    with loading(sinks):
        from pepperpy_obs.shipping.shipper import Shipper  # noqa: PLC0415 - loads the HTTP client
    return Shipper(
        sinks,
        directory,
        bounds=Bounds(max_bytes=config.ship_max_bytes),
        fsync=config.ship_fsync,
        dead_letter_bytes=config.ship_dead_letter_max_bytes,
    )
