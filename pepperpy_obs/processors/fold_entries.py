"""The link that keeps an event of very many requests short: like ones are written as one entry, with their number."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs.typing import EventDict

__all__ = ["fold_entries"]

_MOST: Final = 256
_COUNTED: Final = ("_tokens", "_searches")
_OWN: Final = frozenset({"requests", "reported_cost_usd", "usage_units", "response_id"})


def fold_entries(logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
    """Fold the entries of an event that has more than 256: a realtime session may have thousands of answers.

    Entries that differ in their counts and ids only become one, with the sums and `requests`. It stands behind the
    links that price and count, so no figure of this process depends on it.
    """
    entries = event_dict.get("usage_entries")
    if type(entries) is list and len(entries) > _MOST:
        folded: dict[str, EventDict] = {}
        for entry in entries:
            alike = {name: value for name, value in entry.items() if not _differs(name)}
            known = folded.setdefault(repr(sorted(alike.items())), alike | {"requests": 0})
            _add(known, entry)
        event_dict["usage_entries"] = [*folded.values()]
    return event_dict


def _differs(name: str) -> bool:
    return name in _OWN or name.endswith(_COUNTED)


def _add(known: EventDict, entry: EventDict) -> None:
    known["requests"] += entry.get("requests", 1)
    for name, value in entry.items():
        if name == "usage_units":
            units = known.setdefault(name, {})
            known[name] = units | {unit: units.get(unit, 0) + amount for unit, amount in value.items()}
        elif name == "reported_cost_usd" or name.endswith(_COUNTED):
            known[name] = known.get(name, 0) + value
