"""One hook: a method of a client that requests pass through, and the recording of those that are requests."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pepperpy_obs._guard import failed
from pepperpy_obs.decorators import costed, measured

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs.events import Kind

__all__ = ["Hook", "Hooked", "Request"]


_NAMES: Final = 1024
"""How many operations a hook keeps apart, for tools and agents that are made by the thousand; the rest pass."""


class Request(NamedTuple):
    """What a call of a hooked method is: one of few, as each is an operation of its own."""

    operation: str
    provider: str | None
    kind: Kind = "llm"


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """A row of the table."""

    library: str
    """As `instrument` takes it."""
    module: str
    """Where the method is; the hook is installed when it has been imported."""
    owner: str
    """The class of the method; "" for a function of the module."""
    method: str
    request: Callable[..., Request | None]
    """Reads from the arguments what a call is; None for what is to pass as it is."""
    model: Callable[..., str | None] | None = None
    """Reads the model that is asked from the arguments, where no argument is called so."""
    reach: tuple[str, ...] = field(default=("",))
    """Where a client keeps the object of the method: paths of attributes, "" for the client itself."""

    @property
    def name(self) -> str:
        """The hook as a reader of its library would name it."""
        return ".".join(part for part in (self.module, self.owner, self.method) if part)


class Hooked:
    """The method that stands in the place of a client's own, and a switch for it."""

    def __init__(self, hook: Hook, original: Callable[..., Any]) -> None:
        self.hook = hook
        self.original = original
        self.on = True
        self._recorded: dict[Request, Callable[..., Any]] = {}
        self.method = self._coroutine() if inspect.iscoroutinefunction(original) else self._function()
        vars(self.method)["__pepperpy_obs_hook__"] = self

    def pick(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any]:
        """Return what is to be called: the client's own method, recorded if the call is a request."""
        if not self.on:
            return self.original
        try:
            request = self.hook.request(*args, **kwargs)
            if request is None:
                return self.original
            known = self._recorded.get(request)
            return self._record(request) if known is None else known
        except Exception as error:
            failed("instrument", error)
            return self.original

    def _record(self, request: Request) -> Callable[..., Any]:
        if len(self._recorded) >= _NAMES:
            return self.original
        options: Any = {"operation": request.operation, "kind": request.kind}
        if request.provider is not None:
            options["provider"] = request.provider
        if self.hook.model is not None:
            options["model"] = self.hook.model
        decorate = measured if request.kind == "tool" else costed
        made = self._recorded[request] = decorate(**options)(self.original)
        return made

    def _function(self) -> Callable[..., Any]:
        pick = self.pick

        @functools.wraps(self.original)
        def hooked(*args: Any, **kwargs: Any) -> Any:
            return pick(args, kwargs)(*args, **kwargs)

        return hooked

    def _coroutine(self) -> Callable[..., Any]:
        pick = self.pick

        @functools.wraps(self.original)
        async def hooked(*args: Any, **kwargs: Any) -> Any:
            return await pick(args, kwargs)(*args, **kwargs)

        return hooked
