"""`instrument()` and `uninstrument()`: all clients, some libraries, or one client."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs.errors import SetupError
from pepperpy_obs.integrations.clients.importing import forget, when_imported
from pepperpy_obs.integrations.clients.installing import install, remove
from pepperpy_obs.integrations.clients.instances import hook_client, unhook_client
from pepperpy_obs.integrations.clients.table import DISTRIBUTIONS, HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pepperpy_obs.integrations.clients.hook import Hook

__all__ = ["instrument", "library_names", "uninstrument"]

_INSTALLERS: Final = {hook: partial(install, hook) for hook in HOOKS}


def instrument(*clients: object) -> None:
    """Record every request of providers' clients, as `@costed` would: of all libraries, or of those that are named.

    A library is hooked when it is imported, before or after this; none is imported here. A client object is hooked
    alone. May be called again; raises SetupError for a name that is not known.

    >>> instrument("openai", "anthropic")
    >>> uninstrument()
    """
    names, objects = _sorted(clients, "instrument")
    for hook in _hooks(names if names or objects else DISTRIBUTIONS):
        when_imported(hook.module, _INSTALLERS[hook])
    for client in objects:
        hook_client(client)


def uninstrument(*clients: object) -> None:
    """Undo `instrument`, for all libraries or for what is given; calls that run are recorded to their ends."""
    names, objects = _sorted(clients, "uninstrument")
    for hook in _hooks(names if names or objects else DISTRIBUTIONS):
        forget(hook.module, _INSTALLERS[hook])
        remove(hook)
    for client in objects:
        unhook_client(client)


def _hooks(names: Iterable[str]) -> list[Hook]:
    wanted = set(names)
    return [hook for hook in HOOKS if hook.library in wanted]


def _sorted(clients: Sequence[object], where: str) -> tuple[list[str], list[Any]]:
    names = [one for one in clients if isinstance(one, str)]
    library_names(names, where)
    return names, [one for one in clients if not isinstance(one, str)]


def library_names(names: Sequence[str], where: str) -> None:
    """Refuse names of libraries that have no hook, with a SetupError."""
    for name in names:
        if name not in DISTRIBUTIONS:
            near = difflib.get_close_matches(name, DISTRIBUTIONS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"{where}({name!r}): accepted are {', '.join(DISTRIBUTIONS)}, or a client{hint}"
            raise SetupError(msg)
