"""The link past which an event may leave the process: what looks like a secret is gone.

It never touches numbers and ids of ours, and it counts nothing: the aggregate stands before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import VOCABULARY
from pepperpy_obs.sanitize.map_fields import FREE_TEXT, MapFields
from pepperpy_obs.sanitize.secret_names import holds_numbers, is_secret_name, normal_name
from pepperpy_obs.sanitize.secrets import REDACTED, without_secrets

if TYPE_CHECKING:
    from pepperpy_obs.config import Config

__all__ = ["Redactor", "label_redaction"]

_IDS: Final = frozenset({"response_id", "service_tier", "usage_flags", "error_type"})
_MAX_DEPTH: Final = 16
_CALLED: Final = ("name", "key", "header", "field", "k")
_CONTENT: Final = frozenset({"value", "values", "val", "v"})
"""How lists of headers, variables and attributes write a pair as a dict."""
_HEADERS: Final = frozenset({"authorization", "proxy_authorization", "x_api_key", "cookie", "set_cookie"})
_ALWAYS: Final = "always"
_UNLESS_A_NUMBER: Final = "unless a number"


class Redactor(MapFields):
    """A processor that replaces secrets by "[redacted]", nested ones too; twice is as good as once.

    Fields are redacted by name (passwords, tokens, API keys, and `keys` of your own, in any case
    and with any separators), and, unless `values` is False, every text is searched for what looks
    like a secret. It reads str, dict, list and tuple; put `Truncator` before it where other objects may come.

    >>> Redactor(keys=["ssn"])(None, "info", {"SSN": "078-05-1120", "input_tokens": 3, "note": "AKIAABCDEFGHIJKLMNOP"})
    {'SSN': '[redacted]', 'input_tokens': 3, 'note': '[redacted]'}
    """

    def __init__(self, *, keys: Iterable[str] = (), values: bool = True) -> None:
        super().__init__(self.change)
        self._keys = frozenset(map(normal_name, keys))
        self._values = values
        self._is_secret = lru_cache(1024)(self._names_a_secret)
        if fixed := sorted(self._keys & (VOCABULARY - FREE_TEXT | {"event"})):
            msg = f"redact_keys names {fixed}, without which an event is none; name fields of your own, or one of "
            raise SetupError(msg + ", ".join(sorted(FREE_TEXT - {"event"})))

    def change(self, key: str, value: Any) -> Any:
        """Return `value` without secrets, itself if it has none."""
        if key in _IDS and key not in self._keys:
            return value
        return self._redacted(key, value, _MAX_DEPTH)

    def _redacted(self, key: str, value: Any, depth: int) -> Any:
        if key and self._hides(key, value):
            return REDACTED
        if isinstance(value, str):
            return without_secrets(value) if self._values else value
        if not isinstance(value, dict | list | tuple):
            return value
        if not depth:
            return REDACTED
        if isinstance(value, dict):
            return self._mapping(value, depth - 1)
        return self._sequence(value, depth - 1)

    def _mapping(self, pairs: dict[Any, Any], depth: int) -> dict[Any, Any]:
        """Redact by the keys, or by the name in a `{"name": ..., "value": ...}` of a header or a variable."""
        called = next((name for key in _CALLED if isinstance(name := pairs.get(key), str)), "")
        return {
            self._key(key): self._redacted(called if called and key in _CONTENT else key, value, depth)
            for key, value in pairs.items()
        }

    def _sequence(self, values: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        """Redact a list, the second of a pair by the first, and what follows an option (`--api-key`) by that."""
        redacted: list[Any] = []
        before = ""
        for value in values:
            redacted.append(self._redacted(before, value, depth))
            before = value.lstrip("-") if isinstance(value, str) and self._announces(value, values, redacted) else ""
        return redacted

    def _key(self, key: Any) -> Any:
        return without_secrets(key) if self._values and isinstance(key, str) else key

    def _announces(self, value: str, values: Sequence[Any], redacted: list[Any]) -> bool:
        """Return whether a text in a list names what follows: an option, the first of a pair, a header among others."""
        return value.startswith("--") or len(redacted) == 1 == len(values) - 1 or normal_name(value) in _HEADERS

    def _hides(self, key: Any, value: Any) -> bool:
        """Return whether the name `key` makes a secret of `value`; whether something is there is never one."""
        if value is None or isinstance(value, bool) or not (which := self._is_secret(key)):
            return False
        return which is _ALWAYS or not isinstance(value, int | float)

    def _names_a_secret(self, key: object) -> str:
        if not isinstance(key, str) or key in VOCABULARY:
            return _ALWAYS if key in self._keys else ""
        name = normal_name(key)
        if name in self._keys:
            return _ALWAYS
        if not is_secret_name(name):
            return ""
        return _ALWAYS if holds_numbers(name) else _UNLESS_A_NUMBER


def label_redaction(config: Config) -> Callable[[str, object], object]:
    """Return the change that hides in labels and groups of costs what the log hides in the fields of these names.

    Raises SetupError if costs are to be grouped by a field whose values are hidden.
    """
    redact = Redactor(keys=config.redact_keys, values=config.redact_values)
    hidden = [name for name in config.cost_attributes if redact.change(name, "a value") == REDACTED]
    if hidden:
        msg = f"cost_attributes names {', '.join(hidden)}, whose values are redacted; name fields that hold no secret"
        raise SetupError(msg)
    return redact.change
