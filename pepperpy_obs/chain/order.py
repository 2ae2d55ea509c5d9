"""The order of the links, the reasons for it, and the chain that is built of them.

    context -> count once -> price -> retries -> budget -> aggregate -> level -> sample -> redact -> outputs

* context: names the service and the deployment, which every later link and every line may use.
* count once: stands before the price, so that an answer that was counted before is not charged again.
* price: stands before the aggregate, as a cost is counted with its call or never.
* retries: needs the price of the request that failed.
* budget: needs the price, and may mark the event before it is counted.
* aggregate: counts. Nothing behind it changes a figure.
* level, sample: drop lines of events that are counted already; cheap, so they stand before the dear ones.
* redact: truncates fields, and hides secrets in them, in one pass. Where it fails the event does not leave: nothing
  unredacted goes out.
* outputs: lines are made once for each format.

The user's own processors run first: what they add is counted, redacted and written like our own fields.
The chain is private: the application's own structlog configuration neither starves it nor is touched by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._record import PRICED
from pepperpy_obs.aggregate.requests import is_request
from pepperpy_obs.chain.chain import Chain
from pepperpy_obs.chain.fast_path import FastPath
from pepperpy_obs.chain.link import EACH_EVENT, PER_OPERATION, Link, Scope, per_operation
from pepperpy_obs.errors import SetupError
from pepperpy_obs.formats.ecs import ecs_lines
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.processors.aggregator import Aggregator
from pepperpy_obs.processors.budget import charge
from pepperpy_obs.processors.context import Context
from pepperpy_obs.processors.deduplicate import DeduplicateUsage
from pepperpy_obs.processors.fold_entries import fold_entries
from pepperpy_obs.processors.pricing import Pricing
from pepperpy_obs.processors.retries import Retries
from pepperpy_obs.processors.sampler import Sampler
from pepperpy_obs.processors.threshold import Threshold
from pepperpy_obs.sanitize.map_fields import MapFields
from pepperpy_obs.sanitize.redact import Redactor
from pepperpy_obs.sanitize.secrets import without_secrets
from pepperpy_obs.sanitize.truncate import Truncator

if TYPE_CHECKING:
    from pepperpy_obs.aggregate.store import Store
    from pepperpy_obs.config import Config
    from pepperpy_obs.typing import EventDict, Format, Output, Processor

__all__ = ["FORMATS", "build_chain"]

FORMATS: Final[dict[str, Format]] = {"json": json_lines, "ecs": ecs_lines}
"""The formats whose lines are a pure function of the event, so that a line can be split into a template."""


def build_chain(
    config: Config,
    store: Store,
    processors: Sequence[Processor] = (),
    *,
    outputs: Sequence[Output] = (),
    fast_path: bool = True,
) -> Chain:
    """Return the chain for `config`, feeding `store`; `processors` are the user's own links, run first.

    Without `outputs` events are counted and go nowhere: so it is until `configure` is called. Without `fast_path` each
    call becomes an event, for tests.
    """
    pricer = Pricer(None if config.price_file is None else Path(config.price_file))
    once = DeduplicateUsage()
    fixed = {key: value for key in ("service", "environment") if (value := getattr(config, key))}
    counted = [Link(f"processor {_name(one)}", _checked(one)) for one in processors]
    if fixed:
        counted.append(Link("context", Context(**fixed), scope=per_operation))
    counted += [
        Link("count_once", once, scope=_unless_request),
        Link("price", _when_asked(Pricing(pricer)), scope=_unless_request),
        Link("retries", Retries(), scope=_unless_request),
        Link("budget", charge, scope=per_operation),
    ]
    leaving = _leaving(config)
    formats = list(dict.fromkeys(output.format for output in outputs))
    shortened = None
    known = [one for one in formats if one in FORMATS.values() and one is not None]
    if fast_path and not processors and len(known) == len(formats):
        shortened = FastPath(store, counted, leaving, known, excluded_spans=once.open_spans)
    counted.append(Link("aggregate", Aggregator(store)))
    return Chain(counted, leaving, outputs, shortened, lambda: pricer.is_loaded, expected=config.expected_errors)


def _leaving(config: Config) -> list[Link]:
    """Return the links that stand behind the aggregate."""
    leaving: list[Link] = []
    if config.log_level != "debug":
        leaving.append(Link("level", Threshold(config.log_level), scope=per_operation))
    if config.log_sample_rate < 1:
        sample = Sampler(config.log_sample_rate)
        leaving.append(Link("sample", sample, scope=sample.scope))
    bound, redact = (
        Truncator(max_length=config.max_field_length, before_cut=without_secrets if config.redact_values else None),
        Redactor(keys=config.redact_keys, values=config.redact_values),
    )
    # One pass over the fields for both: half the time of two.
    leaving.append(Link("redact", _folding(MapFields(bound.change, redact.change)), required=True, scope=per_operation))
    return leaving


def _folding(truncate: Processor) -> Processor:
    """Fold the entries of an event that has very many, before its fields are truncated."""

    def folded(logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        return truncate(logger, method_name, fold_entries(logger, method_name, event_dict))

    return folded


def _unless_request(event: EventDict) -> Scope:
    """Claim that nothing happens to events that are no requests to a language model."""
    return EACH_EVENT if is_request(event) else PER_OPERATION


def _when_asked(price: Pricing) -> Processor:
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


def _name(processor: Callable[..., object]) -> str:
    return getattr(processor, "__qualname__", type(processor).__qualname__)
