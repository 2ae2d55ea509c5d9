"""The link that makes an event fit for any line: plain values only, each of bounded size.

A NaN or an infinity says nothing, and an absent key means unknown: such a field is left out
(within a list, where places count, it becomes null).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pepperpy_obs.sanitize.map_fields import MapFields
from pepperpy_obs.sanitize.secrets import without_secrets
from pepperpy_obs.sanitize.to_plain import LARGEST_INT, SizeLimit, to_plain

__all__ = ["Truncator"]

_LONGEST_KEY: Final = 128


class Truncator(MapFields):
    """A processor that keeps an event writable: strict JSON, no unknown objects, bounded field sizes.

    `max_length` counts the characters of one field with all that is nested in it, `max_values` the
    nested values of one field, `max_depth` its levels. Text that is cut ends in "…"; anything else
    past a limit is left out. Secrets are redacted before a text is cut, or the piece of a key that is left
    would not be recognised; `before_cut=None` turns that off.

    >>> Truncator(max_length=16)(None, "info", {"event": "e", "answer": "x" * 20, "n": float("nan"), "who": object()})
    {'event': 'e', 'answer': 'xxxxxxxxxxxxxxx…', 'who': '<object>'}
    """

    def __init__(
        self,
        *,
        max_length: int = 8192,
        max_values: int = 256,
        max_depth: int = 6,
        before_cut: Callable[[str], str] | None = without_secrets,
    ) -> None:
        super().__init__(self.change)
        self._before_cut = before_cut
        self._max_length = max_length
        self._max_values = max_values
        self._max_depth = max_depth

    def change(self, key: str, value: Any) -> Any:
        """Return `value` made plain, itself if it is."""
        longest = self._max_length if key else _LONGEST_KEY
        kind = type(value)
        if kind is str and len(value) <= longest and value.isascii():
            return value
        if kind is int and value.bit_length() <= LARGEST_INT:
            return value
        return to_plain(value, SizeLimit(longest, self._max_values, self._before_cut), self._max_depth)
