"""The settings of rules and of the receivers of their alerts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, field_validator
from pydantic_settings import NoDecode

from pepperpy_obs.config.fields import Seconds
from pepperpy_obs.config.notifier import LOG, Notifier, notifiers_from
from pepperpy_obs.config.rule import Rule, rules_from
from pepperpy_obs.config.sharing import SharingSettings
from pepperpy_obs.errors import SetupError

if TYPE_CHECKING:
    from pydantic import ValidationInfo

__all__ = ["AlertSettings"]

_LONGEST: Final = 86_400.0
"""Seconds that can be looked back without a store."""
_SERIES_LABELS: Final = ("operation", "agent", "kind", "provider", "model")


def _plain(given: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [one.to_dict() for one in given]


def _accepted(read: Callable[[object], tuple[Any, ...]]) -> Callable[[object], tuple[Any, ...]]:
    def checked(given: object) -> tuple[Any, ...]:
        try:
            return read(given)
        except SetupError as error:
            msg = f"is not accepted: {error}"
            raise ValueError(msg) from None

    return checked


_SHOWN: Final = PlainSerializer(_plain, when_used="json")
Rules = Annotated[tuple[Rule, ...], NoDecode, BeforeValidator(_accepted(rules_from)), _SHOWN]
Notifiers = Annotated[tuple[Notifier, ...], NoDecode, BeforeValidator(_accepted(notifiers_from)), _SHOWN]


class AlertSettings(SharingSettings):
    """When alerts are made, and where they go."""

    notifiers: Notifiers = ()
    """receivers of alerts beside the log, each a Notifier, or a table [[notifiers]] with name, kind and url"""
    rules: Rules = ()
    """rules of alerts, each a Rule, or in the settings file a table [[rules]] with name, stat, above and so on"""
    default_rules: bool = True
    """whether the health limits are rules, too, and latency is compared with its own past"""
    rules_interval: Seconds = 30
    """seconds between two evaluations of the rules"""

    @field_validator("rules", mode="after")
    @classmethod
    def _known_names(cls, rules: tuple[Rule, ...], info: ValidationInfo) -> tuple[Rule, ...]:
        attributes = info.data.get("cost_attributes", ())
        names = {LOG, *(one.name for one in info.data.get("notifiers", ()))}
        for rule in rules:
            of_users = [name for name in rule.by if name not in _SERIES_LABELS]
            if of_users and (len(rule.by) > 1 or of_users[0] not in attributes):
                accepted = f"{', '.join(_SERIES_LABELS)}, or one field alone that cost_attributes names"
                msg = f"is not accepted: rule {rule.name!r} has by={rule.by!r}; accepted are {accepted}"
                raise ValueError(msg)
            if info.data.get("store_url") is None and rule.longest > _LONGEST:
                msg = f"is not accepted: rule {rule.name!r} looks back for more than a day; that takes a store_url"
                raise ValueError(msg)
            for one in rule.notify:
                if isinstance(one, str) and one not in names:
                    accepted = f"accepted are {', '.join(sorted(names))}, and functions"
                    msg = f"is not accepted: rule {rule.name!r} notifies {one!r}; {accepted}"
                    raise ValueError(msg)
        return rules
