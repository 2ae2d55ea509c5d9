"""Wrappers written out as source, with the exact signature of what they wrap.

`def wrapper(*args, **kwargs)` costs four times what an exact signature does, and would refuse
wrong arguments to a generator at its first step only. So the source is written out and
compiled, as dataclasses do it; `linecache` knows it, and tracebacks show it. An unusual
signature gets the same source with star arguments.
"""

from __future__ import annotations

import inspect
import keyword
import linecache
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

__all__ = ["generated", "is_generated"]

_FILENAME: Final = "<pepperpy_obs wrapper"

_makers: dict[str, Callable[..., Callable[..., Any]]] = {}


def generated(
    template: str, target: Callable[..., Any], given: tuple[Any, ...], namespace: dict[str, Any], **parts: object
) -> Callable[..., Any]:
    """Return the wrapper that a `template` makes for the signature of `target`.

    The template defines `_pp_make`, which is called with `target` and what is `given`, and gets `{parameters}`,
    `{arguments}`, `{forget}` (a statement that lets go of the arguments) and `parts` filled in; a part that is
    a function is asked with the signature and the arguments. Its names are those of `namespace`.
    """
    signature = _signature(target)
    parameters, arguments = _spell(signature) if signature is not None else ("*args, **kwargs", "*args, **kwargs")
    names = ("args", "kwargs") if signature is None else tuple(signature.parameters)
    forget = f"del {', '.join(names)}" if names else "pass"
    spelt = {name: part(signature, arguments) if callable(part) else part for name, part in parts.items()}
    source = template.format(parameters=parameters, arguments=arguments, forget=forget, **spelt)
    wrapper = _maker(source, namespace)(target, *given)
    if signature is not None:
        _give_defaults(wrapper, signature)
    return wrapper


def is_generated(code: CodeType) -> bool:
    """Return whether this is the code of a wrapper of ours."""
    return code.co_filename.startswith(_FILENAME)


def _maker(source: str, namespace: dict[str, Any]) -> Callable[..., Callable[..., Any]]:
    """Compile a source once, however many functions have that signature."""
    maker = _makers.get(source)
    if maker is None:
        filename = f"{_FILENAME} {len(_makers)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        made: dict[str, Any] = {}
        exec(compile(source, filename, "exec"), namespace, made)  # noqa: S102 - our own text and checked identifiers
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
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith(("_pp_", "perf_counter_ns")):
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
