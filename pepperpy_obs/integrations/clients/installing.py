"""Installs a hook in its class or module, and takes it out again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs.integrations.clients.hook import Hook, Hooked

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["install", "installed", "missing", "remove"]

installed: Final[dict[Hook, Hooked]] = {}
_made: Final[dict[Hook, Hooked]] = {}
"""The latest of each hook: others may have taken its method for the client's own, and be using it still."""
missing: Final[dict[Hook, str]] = {}
"""Why a hook is not in place though its module is there."""


def install(hook: Hook, module: ModuleType) -> None:
    """Put a hook in place; once more changes nothing, after a reload of the module it is put in place anew."""
    owner: Any = getattr(module, hook.owner, None) if hook.owner else module
    current: Any = None if owner is None else vars(owner).get(hook.method)
    if owner is None or not callable(current):
        missing[hook] = f"there is no {hook.owner if owner is None else hook.method} in this version"
        return
    missing.pop(hook, None)
    known = _hooked(hook, current)
    if known is not None:
        known.on = True
        installed[hook] = known
        return
    if _is_wrapt(current):
        # Below what others have put there: on top, they would not know the object, nor we their streams.
        theirs: Any = current
        made = _make(hook, theirs.__wrapped__)
        theirs.__wrapped__ = made.method
    else:
        made = _make(hook, current)
        _put(hook, owner, current, made.method)
    installed[hook] = made


def remove(hook: Hook) -> None:
    """Take a hook out; where others have wrapped it, it stays in place and records nothing."""
    missing.pop(hook, None)
    known = installed.pop(hook, None)
    if known is None:
        return
    known.on = False
    module: Any = sys.modules.get(hook.module)
    owner: Any = getattr(module, hook.owner, None) if hook.owner else module
    current: Any = None if owner is None else vars(owner).get(hook.method)
    if current is known.method:
        _put(hook, owner, current, known.original)
    elif _is_wrapt(current) and current.__wrapped__ is known.method:
        current.__wrapped__ = known.original


def _make(hook: Hook, original: Any) -> Hooked:
    known = _made.get(hook)
    if known is None or known.original is not original:
        known = _made[hook] = Hooked(hook, original)
    known.on = True
    return known


def _put(hook: Hook, owner: Any, before: Any, now: Any) -> None:
    setattr(owner, hook.method, now)
    if not hook.owner:
        # A function of the library's front door, too.
        package: Any = sys.modules.get(hook.module.partition(".")[0])
        if package is not None and vars(package).get(hook.method) is before:
            setattr(package, hook.method, now)


def _hooked(hook: Hook, current: Any) -> Hooked | None:
    """Return the hook that is in place already, also below wrappers of others."""
    for _ in range(64):
        found = getattr(current, "__dict__", {}).get("__pepperpy_obs_hook__")
        if isinstance(found, Hooked) and found.hook is hook and found.method is current:
            return found
        current = getattr(current, "__wrapped__", None)
        if current is None:
            return None
    return None


def _is_wrapt(current: Any) -> bool:
    """Return whether a method is wrapped by an object that hands on what it is called on: wrapt's, used by many."""
    return hasattr(current, "_self_wrapper") and callable(getattr(current, "__wrapped__", None))
