"""What is hooked, what is missing, and why."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, NamedTuple

from pepperpy_obs.integrations.clients.installing import installed, missing
from pepperpy_obs.integrations.clients.table import DISTRIBUTIONS, HOOKS

__all__ = ["HookStatus", "statuses"]


class HookStatus(NamedTuple):
    """One hook of the table, as it stands in this process."""

    library: str
    version: str | None
    hook: str
    module: str
    """What the library has to import before it can be hooked."""
    state: Literal["hooked", "waiting", "missing", "absent"]
    reason: str


def statuses() -> tuple[HookStatus, ...]:
    """Return how each hook stands: in place, waiting for its import, missing in this version, library not there."""
    versions = {library: _version(distribution) for library, distribution in DISTRIBUTIONS.items()}
    found: list[HookStatus] = []
    for hook in HOOKS:
        known = versions[hook.library]
        state: Literal["hooked", "waiting", "missing", "absent"]
        if hook in installed:
            state, reason = "hooked", ""
        elif hook in missing:
            state, reason = "missing", missing[hook]
        elif known is None:
            state, reason = "absent", f"{DISTRIBUTIONS[hook.library]} is not installed"
        elif hook.module in sys.modules:
            state, reason = "missing", "instrument() has not been called for it"
        else:
            state, reason = "waiting", f"{hook.module} has not been imported"
        found.append(HookStatus(hook.library, known, hook.name, hook.module, state, reason))
    return tuple(found)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
