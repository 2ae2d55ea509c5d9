"""Events as lines of strict JSON: no NaN, money as exact decimal strings, one line feed at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from pepperpy_obs.sanitize.to_plain import ABSENT
from pepperpy_obs.sanitize.truncate import Truncator
from pepperpy_obs.typing import EventDict

__all__ = ["decode", "encode", "json_lines", "render_json"]

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder()
_LAST_RESORT: Final = Truncator()
_UNSAFE: Final = re.compile(
    rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xef\xbb\xbf"
)
"""In UTF-8: DEL, C1, U+061C, U+200B, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069, U+FEFF."""


def json_lines(events: Sequence[Mapping[str, Any]]) -> list[bytes]:
    r"""Return the events' lines, all in one piece: what JSON cannot say is made plain as `Truncator` does.

    >>> json_lines([{"event": "operation.finished", "duration_seconds": 0.5}])
    [b'{"event":"operation.finished","duration_seconds":0.5}\n']
    """
    try:
        return [_escaped(_ENCODER.encode_lines(events))]
    except Exception:  # whichever of them it was, the others are not to suffer
        return [encode(event) + b"\n" for event in events]


def render_json(logger: Any, method_name: str, event_dict: EventDict) -> str:
    """Turn the event into a line without its line feed: the last processor of a chain."""
    return encode(event_dict).decode()


def encode(value: Any) -> bytes:
    """Return `value` as strict JSON, whatever it is; what JSON cannot say is made plain."""
    try:
        return _escaped(_ENCODER.encode(value))
    except Exception:  # TypeError, UnicodeEncodeError, RecursionError, or one of the user's own
        return _escaped(_ENCODER.encode(_plain(value)))


def _escaped(data: bytes) -> bytes:
    """Return JSON whose text can neither move a terminal's cursor nor turn the order of its letters.

    JSON escapes what is below 0x20 only. DEL, the control characters of C1, the marks that turn the direction of
    writing and the other two line separators of Unicode stand in strings alone, where an escape says the same.
    """
    if data.isascii() and b"\x7f" not in data:
        return data
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0].decode()):04x}".encode(), data)


def _plain(value: Any) -> Any:
    """Make each field plain by itself, so that one that is too large takes no room from the others."""
    if isinstance(value, Mapping):
        fields = ((_LAST_RESORT.change("", key), _LAST_RESORT.change("-", value[key])) for key in value)
        return {str(key): field for key, field in fields if field is not ABSENT}
    value = _LAST_RESORT.change("-", value)
    return None if value is ABSENT else value


def decode(line: bytes | str) -> Any:
    """Return what a line of JSON says; raises ValueError, saying where it stops being JSON."""
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"not JSON: {error}"
        raise ValueError(msg) from None
    except RecursionError:
        msg = "not an event: it nests too deeply"
        raise ValueError(msg) from None
