"""W3C `baggage`, in and out: the fields of a block of attributes, as a header.

https://www.w3.org/TR/baggage/: a list of `key=value`, values percent-encoded, at most 64 members and 8192 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from pepperpy_obs.events import VOCABULARY

__all__ = ["format_baggage", "parse_baggage"]

_MOST_MEMBERS: Final = 64
_MOST_BYTES: Final = 8192
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The value's own characters (baggage-octet) without those that `quote` leaves alone anyway, and without %.
_SAFE: Final = "!#$&'()*+-./:<=>?@[]^_`{|}~"


def format_baggage(fields: Mapping[str, Any]) -> str | None:
    """Return the header that sends plain fields on; those that do not fit into it are left out. None of nothing.

    >>> format_baggage({"customer": "acme, inc", "paid": True, "tags": ["a"]})
    'customer=acme%2C%20inc,paid=true'
    """
    members: list[str] = []
    length = -1
    for name, value in fields.items():
        if not _TOKEN.fullmatch(name) or not isinstance(value, str | int | float):
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        member = f"{name}={quote(text, safe=_SAFE, errors='replace')}"
        if len(members) < _MOST_MEMBERS and length + len(member) + 1 <= _MOST_BYTES:
            members.append(member)
            length += len(member) + 1
    return ",".join(members) or None


def parse_baggage(header: object) -> dict[str, str]:
    """Return the fields of a header; members that are none are passed over, and properties of members too.

    A name of ours is moved aside: the header comes from outside.

    >>> parse_baggage("customer=acme%2C%20inc;ttl=3, , =x, broken, tier = gold, model=x")
    {'customer': 'acme, inc', 'tier': 'gold', 'user_model': 'x'}
    """
    if isinstance(header, bytes):  # as ASGI servers hand headers on
        header = header.decode("latin-1")
    if not isinstance(header, str):
        return {}
    fields: dict[str, str] = {}
    for member in header[:_MOST_BYTES].split(",", _MOST_MEMBERS)[:_MOST_MEMBERS]:
        name, equals, value = member.partition(";")[0].partition("=")
        name = name.strip()
        if equals and _TOKEN.fullmatch(name):
            ours = name in VOCABULARY or name.startswith("_")
            fields[f"user_{name.lstrip('_')}" if ours else name] = unquote(value.strip(), errors="replace")
    return fields
