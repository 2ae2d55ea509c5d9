"""Events as lines of strict JSON: no NaN, money as exact decimal strings, one line feed at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from pepperpy_obs.processors.bound import Bound
from pepperpy_obs.processors.plain import ABSENT
from pepperpy_obs.typing import EventDict

__all__ = ["decode", "encode", "json_lines", "render_json"]

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder()
_LAST_RESORT: Final = Bound()


def json_lines(events: Sequence[Mapping[str, Any]]) -> list[bytes]:
    r"""Return the events' lines, all in one piece: what JSON cannot say is made plain as `Bound` does.

    >>> json_lines([{"event": "operation.finished", "duration_seconds": 0.5}])
    [b'{"event":"operation.finished","duration_seconds":0.5}\n']
    """
    try:
        return [_ENCODER.encode_lines(events)]
    except Exception:  # whichever of them it was, the others are not to suffer
        return [encode(event) + b"\n" for event in events]


def render_json(logger: Any, method_name: str, event_dict: EventDict) -> str:
    """Turn the event into a line without its line feed: the last processor of a chain."""
    return encode(event_dict).decode()


def encode(value: Any) -> bytes:
    """Return `value` as strict JSON, whatever it is; what JSON cannot say is made plain."""
    try:
        return _ENCODER.encode(value)
    except Exception:  # TypeError, UnicodeEncodeError, RecursionError, or one of the user's own
        return _ENCODER.encode(_plain(value))


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
