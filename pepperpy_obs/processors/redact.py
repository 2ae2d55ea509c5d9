"""The link past which an event may leave the process: what looks like a secret is gone.

It never touches numbers and ids of ours, and it counts nothing: the aggregate stands before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import VOCABULARY
from pepperpy_obs.processors.fields import FREE_TEXT, Fieldwise
from pepperpy_obs.processors.secrets import REDACTED, is_secret_name, normal_name, without_secrets

__all__ = ["Redact"]

_IDS: Final = frozenset({"response_id", "service_tier", "usage_flags", "error_type"})
_MAX_DEPTH: Final = 16


class Redact(Fieldwise):
    """A processor that replaces secrets by "[redacted]", nested ones too; twice is as good as once.

    Fields are redacted by name (passwords, tokens, API keys, and `keys` of your own, in any case
    and with any separators), and, unless `values` is False, every text is searched for what looks
    like a secret. It reads str, dict, list and tuple; put `Bound` before it where other objects may come.

    >>> Redact(keys=["ssn"])(None, "info", {"SSN": "078-05-1120", "input_tokens": 3, "note": "AKIAABCDEFGHIJKLMNOP"})
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
        if key and self._is_secret(key) and value is not None and not isinstance(value, bool):
            return REDACTED
        if isinstance(value, str):
            return without_secrets(value) if self._values else value
        if isinstance(value, dict):
            if not depth:
                return REDACTED
            return {self._key(name): self._redacted(name, item, depth - 1) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._redacted("", item, depth - 1) for item in value] if depth else REDACTED
        return value

    def _key(self, key: Any) -> Any:
        return without_secrets(key) if self._values and isinstance(key, str) else key

    def _names_a_secret(self, key: object) -> bool:
        if not isinstance(key, str) or key in VOCABULARY:
            return key in self._keys
        name = normal_name(key)
        return name in self._keys or is_secret_name(name)
