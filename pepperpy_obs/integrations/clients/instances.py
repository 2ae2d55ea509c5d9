"""One client hooked, and no other of its class."""

from __future__ import annotations

import sys
from functools import reduce
from types import MethodType
from typing import TYPE_CHECKING, Any

from pepperpy_obs.errors import SetupError
from pepperpy_obs.integrations.clients.hook import Hook, Hooked
from pepperpy_obs.integrations.clients.installing import installed
from pepperpy_obs.integrations.clients.table import HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["hook_client", "unhook_client"]


def hook_client(client: object) -> None:
    """Hook the methods of one client; SetupError if it is of no class that the table knows."""
    found = list(_places(client))
    if not found:
        msg = (
            f"instrument(): a {type(client).__name__} has no hook; give a client of a library such as OpenAI's, "
            f"the name of a library, or nothing for all"
        )
        raise SetupError(msg)
    for hook, place in found:
        own = vars(place).get(hook.method)
        if hook not in installed and getattr(own, "__pepperpy_obs_hook__", None) is None:
            current = getattr(type(place), hook.method)
            setattr(place, hook.method, MethodType(Hooked(hook, current).method, place))


def unhook_client(client: object) -> None:
    """Give the methods of one client back to it."""
    for hook, place in _places(client):
        if getattr(vars(place).get(hook.method), "__pepperpy_obs_hook__", None) is not None:
            delattr(place, hook.method)


def _places(client: object) -> Iterator[tuple[Hook, Any]]:
    """Yield the hooks that a client's requests pass through, and the object of each."""
    for hook in HOOKS:
        kind: Any = getattr(sys.modules.get(hook.module), hook.owner, None) if hook.owner else None
        if not isinstance(kind, type):
            continue
        seen: list[Any] = []
        for path in hook.reach:
            try:
                place: Any = reduce(getattr, path.split("."), client) if path else client
            except Exception:  # noqa: S112 - an attribute of another client's
                continue
            if isinstance(place, kind) and hasattr(place, "__dict__") and not any(place is one for one in seen):
                seen.append(place)
                yield hook, place
