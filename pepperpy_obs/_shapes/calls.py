"""Functions and coroutines: a wrapper generated with the exact signature of what it wraps.

`def wrapper(*args, **kwargs)` costs four times what an exact signature does, which alone is
half of the time that a decorated call may take (docs/performance.md). So the wrapper's source
is written out and compiled, as dataclasses do it; `linecache` knows the source, and tracebacks
show it. An unusual signature gets the same source with star arguments.

The source runs in this module's namespace: names here are what it may use.
"""

from __future__ import annotations

import inspect
import keyword
import linecache
from typing import TYPE_CHECKING, Any, Final, cast

from pepperpy_obs import _clock
from pepperpy_obs._dispatch import HUB
from pepperpy_obs._record import END, ERROR
from pepperpy_obs._shapes.capture import taker
from pepperpy_obs.context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._record import Spec

__all__ = ["wrap_call"]

_pp_clock = _clock
_pp_hub = HUB
_pp_buffer = HUB.buffer
_pp_append = HUB.append
_pp_caller = CURRENT.get
_pp_enter = CURRENT.set
_pp_leave = CURRENT.reset
_pp_len = len
_pp_any_error = BaseException
_pp_wrong_context = ValueError

# One record display by hand instead of `_record.blank`, and no `finally`: each function call
# here costs a tenth of the whole budget, and where the stack has overflowed none is possible.
# END is written last: it publishes the record.
_SOURCE: Final = """\
def _pp_make(_pp_target, _pp_spec, _pp_take):
    {async_}def {name}({parameters}):
        if _pp_hub.off:
            return {await_}_pp_target({arguments})
        if _pp_len(_pp_buffer) >= _pp_hub.limit:
            _pp_hub.relieve()
        _pp_record = [_pp_spec, _pp_caller(), _pp_clock.perf_counter_ns(), None, None, None]
        _pp_append(_pp_record)
        _pp_token = _pp_enter(_pp_record)
        try:
            _pp_result = {await_}_pp_target({arguments})
        except _pp_any_error as _pp_error:
            _pp_record[{ERROR}] = _pp_error.__class__
            _pp_record[{END}] = _pp_clock.perf_counter_ns()
            try:
                _pp_leave(_pp_token)
            except _pp_wrong_context:
                pass
            raise
{finish}        return _pp_result
    return {name}
"""

_FINISH: Final = """\
        _pp_record[{END}] = _pp_clock.perf_counter_ns()
{leave}"""
_FINISH_TRACKED: Final = """\
        _pp_end = _pp_clock.perf_counter_ns()
{leave}        _pp_take(_pp_record, _pp_result)
        _pp_record[{END}] = _pp_end
"""
_LEAVE: Final = """\
        _pp_leave(_pp_token)
"""
# `context.leave` by hand: a coroutine may be closed by the garbage collector, in another context.
_LEAVE_ANYWHERE: Final = """\
        try:
            _pp_leave(_pp_token)
        except _pp_wrong_context:
            pass
"""

_makers: dict[str, Callable[..., Callable[..., Any]]] = {}


def wrap_call(target: Callable[..., Any], spec: Spec, *, is_coroutine: bool) -> Callable[..., Any]:
    """Return a function or coroutine function that records each call of `target`."""
    take = taker(spec)
    signature = _signature(target)
    parameters, arguments = _spell(signature) if signature is not None else ("*args, **kwargs", "*args, **kwargs")
    source = _SOURCE.format(
        async_="async " if is_coroutine else "",
        await_="await " if is_coroutine else "",
        name="measured_coroutine" if is_coroutine else "measured_call",
        parameters=parameters,
        arguments=arguments,
        END=END,
        ERROR=ERROR,
        finish=(_FINISH if take is None else _FINISH_TRACKED).format(
            END=END, leave=_LEAVE_ANYWHERE if is_coroutine else _LEAVE
        ),
    )
    wrapper = _maker(source)(target, spec, take)
    if signature is not None:
        _give_defaults(wrapper, signature)
    return wrapper


def _maker(source: str) -> Callable[..., Callable[..., Any]]:
    """Compile a source once, however many functions have that signature."""
    maker = _makers.get(source)
    if maker is None:
        filename = f"<pepperpy_obs wrapper {len(_makers)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        made: dict[str, Any] = {}
        exec(compile(source, filename, "exec"), globals(), made)  # noqa: S102 - our own text and checked identifiers
        maker = _makers[source] = made["_pp_make"]
    return maker


def _signature(target: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature to copy, or None where copying it could change what a call means."""
    if "__signature__" in getattr(target, "__dict__", {}):
        return None  # it says what it wants to be called with, not what it can be
    try:
        signature = inspect.signature(target, follow_wrapped=False)
    except (TypeError, ValueError):
        return None  # builtins without a text signature
    for name in signature.parameters:
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_pp_"):
            return None
    return signature


def _spell(signature: inspect.Signature) -> tuple[str, str]:
    """Return the parameter list, without annotations and with stand-ins for defaults, and the argument list."""
    kinds = inspect.Parameter
    parameters: list[str] = []
    arguments: list[str] = []
    seen_positional_only = False
    seen_star = False
    for name, parameter in signature.parameters.items():
        if parameter.kind is kinds.POSITIONAL_ONLY:
            seen_positional_only = True
        elif seen_positional_only:
            parameters.append("/")
            seen_positional_only = False
        if parameter.kind is kinds.KEYWORD_ONLY and not seen_star:
            parameters.append("*")
            seen_star = True
        default = "" if parameter.default is kinds.empty else "=None"
        if parameter.kind is kinds.VAR_POSITIONAL:
            seen_star = True
            parameters.append(f"*{name}")
            arguments.append(f"*{name}")
        elif parameter.kind is kinds.VAR_KEYWORD:
            parameters.append(f"**{name}")
            arguments.append(f"**{name}")
        else:
            parameters.append(name + default)
            arguments.append(f"{name}={name}" if parameter.kind is kinds.KEYWORD_ONLY else name)
    if seen_positional_only:
        parameters.append("/")
    return ", ".join(parameters), ", ".join(arguments)


def _give_defaults(wrapper: Callable[..., Any], signature: inspect.Signature) -> None:
    """Put the real default objects where the source had stand-ins."""
    function = cast("Any", wrapper)
    given = [p for p in signature.parameters.values() if p.default is not inspect.Parameter.empty]
    function.__defaults__ = tuple(p.default for p in given if p.kind is not inspect.Parameter.KEYWORD_ONLY) or None
    function.__kwdefaults__ = {p.name: p.default for p in given if p.kind is inspect.Parameter.KEYWORD_ONLY} or None
