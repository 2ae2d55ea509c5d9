"""Builds the chain that a Config asks for: its links and its ways out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import structlog

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs._record import PRICED
from pepperpy_obs.chain import Chain, Exit, Link, Usual
from pepperpy_obs.errors import SetupError
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.processors.bound import Bound
from pepperpy_obs.processors.budget import watch_budget
from pepperpy_obs.processors.collect import Collect
from pepperpy_obs.processors.console import Console
from pepperpy_obs.processors.context import Context
from pepperpy_obs.processors.count_once import CountOnce
from pepperpy_obs.processors.ecs import ecs_lines
from pepperpy_obs.processors.fields import Fieldwise
from pepperpy_obs.processors.lines import json_lines
from pepperpy_obs.processors.price import Price
from pepperpy_obs.processors.redact import Redact
from pepperpy_obs.processors.retries import Retries
from pepperpy_obs.processors.sample import Sample
from pepperpy_obs.processors.secrets import without_secrets
from pepperpy_obs.processors.threshold import Threshold
from pepperpy_obs.runtime.sinks import open_shipper
from pepperpy_obs.shipping.file import File
from pepperpy_obs.shipping.stream import Stream
from pepperpy_obs.typing import WayOut

if TYPE_CHECKING:
    from pepperpy_obs.aggregate.store import Store
    from pepperpy_obs.config import Config
    from pepperpy_obs.judgement.ledger import Ledger
    from pepperpy_obs.typing import EventDict, Processor

__all__ = ["Ships", "build_chain", "close_exits", "open_exits"]

_RENDERERS: Final[dict[str, Callable[[Sequence[EventDict]], list[bytes]]]] = {"json": json_lines, "ecs": ecs_lines}


def build_chain(
    config: Config, store: Store, processors: Sequence[Processor] = (), *, exits: Sequence[Exit] = ()
) -> Chain:
    """Return the chain for `config`, feeding `store`; `processors` are the user's own links, run first.

    Without `exits` events are counted and go nowhere: so it is until `configure` is called.
    """
    pricer = Pricer(None if config.price_file is None else Path(config.price_file))
    fixed = {key: value for key in ("service", "environment") if (value := getattr(config, key))}
    counted = [Link(f"processor {_name(one)}", _checked(one)) for one in processors]
    if fixed:
        counted.append(Link("context", Context(**fixed)))
    counted += [
        Link("count_once", CountOnce()),
        Link("price", _when_asked(Price(pricer))),
        Link("retries", Retries()),
        Link("budget", watch_budget),
        Link("aggregate", Collect(store)),
    ]
    leaving = _leaving(config) if exits else []
    usual = None if processors else _usual(store, counted, leaving, exits)
    return Chain(counted, leaving, exits, usual, lambda: pricer.is_loaded)


def _leaving(config: Config) -> list[Link]:
    """Return the links that stand after the aggregate."""
    leaving = [Link("level", Threshold(config.log_level))] if config.log_level != "debug" else []
    if config.log_sample_rate < 1:
        leaving.append(Link("sample", Sample(config.log_sample_rate)))
    bound, redact = (
        Bound(max_length=config.max_field_length, before_cut=without_secrets if config.redact_values else None),
        Redact(keys=config.redact_keys, values=config.redact_values),
    )
    # One pass over the fields for both: half the time of two.
    leaving.append(Link("redact", Fieldwise(bound.change, redact.change), required=True))
    return leaving


def _usual(store: Store, counted: Sequence[Link], leaving: Sequence[Link], exits: Sequence[Exit]) -> Usual | None:
    """Return the short way for usual calls, if the chain and its ways out allow for one."""
    renders = {render for _, render, _ in exits}
    if len(renders) > 1 or not renders.issubset(_RENDERERS.values()):
        return None
    links = {link.stage: link.processor for link in (*counted, *leaving)}
    once, sample = links["count_once"], links.get("sample")
    return Usual(
        store,
        [link.processor for link in counted if link.stage != "aggregate"],
        [link.processor for link in leaving if link.stage != "sample"],
        renders.pop() if renders else None,
        apart=once.waited_for if isinstance(once, CountOnce) else (),
        keeps=sample.keeps if isinstance(sample, Sample) else None,
    )


def _when_asked(price: Price) -> Processor:
    """Let a price be put on the events of operations that are `@costed`, and on no others."""

    def priced(logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        return price(logger, method_name, event_dict) if event_dict.pop(PRICED, False) else event_dict

    return priced


def _checked(processor: Any) -> Processor:
    """Refuse what is no processor at once, and later what gives no event: then the event goes on without it."""
    if not callable(processor):
        msg = f"processors holds {processor!r}; give functions (logger, method name, event) -> event"
        raise SetupError(msg)

    def checked(logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        made: object = processor(logger, method_name, event_dict)
        if not isinstance(made, dict):
            msg = f"{_name(processor)} returned {type(made).__name__}; a processor returns the event"
            raise TypeError(msg)
        return made

    return checked


def _name(processor: object) -> str:
    return getattr(processor, "__qualname__", type(processor).__qualname__)


def open_exits(config: Config) -> list[Exit]:
    """Open the ways out that `config` asks for; raises SetupError for what cannot be opened."""
    exits: list[Exit] = []
    form: str = config.log_format
    if form != "none":
        stream = Stream(config.log_stream)
        if form == "auto":
            form = "console" if config.log_file is None and stream.is_terminal() else "json"
        colors = config.log_file is None and stream.takes_colors()
        render = Console(colors=colors).lines if form == "console" else _RENDERERS[form]
        if config.log_file is None:
            exits.append(Exit(config.log_stream, render, stream))
        else:
            file = File(config.log_file, max_bytes=config.log_max_bytes, backups=config.log_backups)
            exits.append(Exit("file", render, file))
    if config.log_to_structlog:
        exits.append(Exit("structlog", hand_over, Nowhere()))
    # The last one: a file that was opened in vain holds nothing, a shipper holds threads and a directory.
    if (shipper := open_shipper(config)) is not None:
        exits.append(Exit("ship", json_lines, shipper))
    return exits


@runtime_checkable
class Ships(WayOut, Protocol):
    """A way out with threads and books of its own, which needs time to end and to be told of a fork: a `Shipper`."""

    def close(self, timeout: float = 2.0) -> None:
        """Send what can be sent in `timeout` seconds, and end."""

    def after_fork(self) -> None:
        """Begin anew in a forked child."""

    def ledgers(self) -> Mapping[str, Ledger]:
        """Return the books of every receiver."""
        ...


def close_exits(exits: Sequence[Exit], timeout: float) -> None:
    """Close every way out; those that need time for it share `timeout` seconds."""
    left = _clock.countdown(timeout)
    for name, _, way in exits:
        try:
            if isinstance(way, Ships):
                way.close(left())
            else:
                way.close()
        except Exception as error:
            failed(name, error)


def hand_over(events: Sequence[EventDict]) -> list[bytes]:
    """Give each event to the application's own structlog, at its level and under its name; no line is left to write."""
    logger = structlog.get_logger("pepperpy_obs")
    for event in events:
        fields = {key: value for key, value in event.items() if key not in {"event", "level", "timestamp"}}
        getattr(logger, event["level"])(event["event"], **fields)
    return []


class Nowhere:
    """The way out of events that rendering has given away already."""

    def write(self, lines: list[bytes]) -> None:
        """Take nothing."""

    def close(self) -> None:
        """Hold nothing."""
