"""`Notifier`: a receiver of alerts, checked when it is made. Its address is a secret: it is all that takes to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final
from urllib.parse import urlsplit

from pepperpy_obs.errors import SetupError

__all__ = ["KINDS", "LOG", "Notifier", "notifiers_from"]

KINDS: Final = ("webhook", "slack", "pagerduty", "alertmanager")
LOG: Final = "log"
"""The notifier that is always there: an event in the log."""
_PAGERDUTY: Final = "https://events.pagerduty.com"


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where alerts are sent to: a `webhook` in Alertmanager's payload, `slack`, `pagerduty` or an `alertmanager`.

    `url` is the whole address; of an alertmanager its root, such as http://localhost:9093. `key` is PagerDuty's routing
    key, or a bearer token for the others. Neither is ever shown: texts have the host alone.

    >>> Notifier("ops", "slack", "https://hooks.slack.com/services/T0/B0/secret")
    Notifier(name='ops', kind='slack', host='hooks.slack.com')
    """

    name: str
    kind: str
    url: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    timeout: float = 5.0

    def __post_init__(self) -> None:
        if not self.url and self.kind == "pagerduty":
            object.__setattr__(self, "url", _PAGERDUTY)
        if (wrong := self._wrong()) is not None:
            msg = f"notifier {self.name!r}: {wrong}"
            raise SetupError(msg)

    def _wrong(self) -> str | None:
        if not self.name or self.name == LOG:
            return f"name={self.name!r}; give a name of its own: {LOG!r} is the log, which is always there"
        if self.kind not in KINDS:
            return f"kind={self.kind!r}; give one of {', '.join(KINDS)}"
        if not _is_address(self.url):
            return "its url, which is not shown, is no address; give one such as https://host/path"
        return self._wrong_key()

    def _wrong_key(self) -> str | None:
        if self.kind == "pagerduty" and not self.key:
            return "PagerDuty takes a routing key; give key="
        if any(ord(sign) <= 32 or ord(sign) > 126 for sign in self.key):
            return "its key, which is not shown, has spaces or odd characters; give it as it was issued"
        if not 0 < self.timeout <= 60:
            return f"timeout={self.timeout!r}; give seconds above 0, 60 at most"
        return None

    @property
    def host(self) -> str:
        """The only part of the address that is shown."""
        return urlsplit(self.url).hostname or ""

    def __repr__(self) -> str:
        return f"Notifier(name={self.name!r}, kind={self.kind!r}, host={self.host!r})"

    def to_dict(self) -> dict[str, str]:
        """Return what may be shown."""
        return {"name": self.name, "kind": self.kind, "host": self.host}


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and all(32 < ord(sign) < 127 for sign in url)


_FIELDS: Final = tuple(one.name for one in fields(Notifier))


def notifiers_from(given: object) -> tuple[Notifier, ...]:
    """Return notifiers as a settings file has them: each a `Notifier`, or a table of its fields; SetupError else."""
    if not isinstance(given, list | tuple):
        msg = "it is no list; give Notifier(...) in code, or [[notifiers]] in the settings file"
        raise SetupError(msg)
    found = tuple(one if isinstance(one, Notifier) else _notifier(one) for one in given)
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        msg = f"two notifiers are named {twice[0]!r}; give each a name of its own"
        raise SetupError(msg)
    return found


def _notifier(table: object) -> Notifier:
    if not isinstance(table, Mapping):
        msg = "one of them is no notifier; give Notifier(name, kind, url), or a table with these"
        raise SetupError(msg)
    named: dict[str, Any] = {str(name): value for name, value in table.items()}
    if unknown := sorted(named.keys() - set(_FIELDS)):
        msg = f"notifier {named.get('name', '')!r}: unknown field {unknown[0]!r}; accepted are {', '.join(_FIELDS)}"
        raise SetupError(msg)
    if missing := [name for name in ("name", "kind") if not isinstance(named.get(name), str)]:
        msg = f"notifier {named.get('name', '')!r} has no {missing[0]}; give a text"
        raise SetupError(msg)
    try:
        return Notifier(**named)
    except TypeError:
        msg = f"notifier {named['name']!r}: url and key are texts, timeout is a number"
        raise SetupError(msg) from None
