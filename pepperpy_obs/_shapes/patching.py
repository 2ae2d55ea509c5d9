"""The table of recorders by stream object, and the methods of its class that report to them.

A stream object is iterated by its user, by its own helpers (`get_final_message`, `text_stream`) and closed
by a `with`; a stand-in in its place would see the user only. So the object stays what it is, its class
and attributes included, and the methods of its class report to the recorder of the object that they are
called on. The recorders stand in a table beside the objects. An object that has none there, another of its
class or a copy of it, is served by the methods as they were.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any

from pepperpy_obs._shapes.sdk_streams import namespaces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_obs._shapes.stream_recorder import StreamRecorder

__all__ = ["patch_methods", "record_on", "recorder_of"]

_recorders: dict[int, tuple[weakref.ref[Any], StreamRecorder]] = {}
"""By the identity of the object: equal objects, and objects that cannot be hashed, have recorders of their own."""


def recorder_of(stream: Any) -> StreamRecorder | None:
    """Return the recorder of a stream object, or None."""
    known = _recorders.get(id(stream))
    return known[1] if known is not None and known[0]() is stream else None


def record_on(stream: Any, recording: Callable[[], StreamRecorder]) -> None:
    """Give a stream object a new recorder for as long as it lives; TypeError if it cannot be referred to weakly.

    The recorder ends with its last object.
    """
    key = id(stream)
    # C code from end to end: Python prints what a signal handler raises in there. The reference is `pop`'s default.
    reference = weakref.ref(stream, functools.partial(_recorders.pop, key))
    _recorders[key] = reference, recording()


def patch_methods(kind: type, methods: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]]) -> None:
    """Have the methods of a class report to the recorder of their object, where there is one.

    Those of the very class only: a base may be one of the standard library's. May be done again, by
    several threads at once, after an interruption, and after others have put methods of theirs there.
    """
    own = vars(kind)
    for name, make in methods.items():
        current = own.get(name)
        original = _inherited(kind, name) if current is None else current
        if _is_ours(current) or original is None:
            continue
        # Not by `setattr`, which a metaclass may have made its own.
        type.__setattr__(kind, name, functools.wraps(getattr(kind, name))(_marked(make(original))))


def _inherited(kind: type, name: str) -> Callable[..., Any] | None:
    """Return a function that calls a method of the bases, whichever it is at the time; None if they have none."""
    inherited = next((space[name] for space in namespaces(kind)[1:] if name in space), None)
    if not _is_method(inherited):
        return None
    return lambda self, *args, **given: getattr(super(kind, self), name)(*args, **given)


def _is_method(value: Any) -> bool:
    return callable(value) and hasattr(value, "__get__") and not isinstance(value, staticmethod | type)


def _is_ours(value: Any) -> bool:
    """Return whether a class' own method is ours, or one that is not called on its object and left alone."""
    return value is not None and (not _is_method(value) or getattr(value, "__pepperpy_obs_step__", False) is True)


def _marked(method: Any) -> Any:
    method.__pepperpy_obs_step__ = True
    return method
