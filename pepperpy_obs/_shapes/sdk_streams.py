"""Which returned objects an answer is yet to come of: the streams and unread responses of providers' SDKs."""

from __future__ import annotations

import types
from functools import lru_cache
from io import IOBase
from typing import Any, Final

__all__ = ["is_raw", "namespaces", "sdk_stream_of"]

_HEAP_TYPE: Final = 1 << 9
_IMMUTABLE_TYPE: Final = 1 << 8
"""Py_TPFLAGS_HEAPTYPE and Py_TPFLAGS_IMMUTABLETYPE: a class made by Python code has the first only."""
_MANAGERS: Final = ("StreamManager", "ResponseContextManager")
_RAW: Final = frozenset({"LegacyAPIResponse", "BaseAPIResponse"})
"""How the SDKs that Stainless makes (OpenAI, Anthropic, Groq, Together) call a response that is not parsed yet."""
_MOCK: Final = "unittest.mock"
_REMEMBERED: Final = 512


def sdk_stream_of(answer: Any) -> Any:
    """Return what an answer is yet to come of: the object or, with Amazon's SDK, one in it; None if it is there."""
    kind: Any = type(answer)
    if kind is dict:
        answer = answer.get("stream")
        kind = type(answer)
        return answer if _is_closeable(kind) else None
    if _is_stream(kind) or (is_raw(kind) and not _is_read(answer)):
        return answer
    return None


@lru_cache(_REMEMBERED)
def _is_stream(kind: type) -> bool:
    """Return whether objects of a class are iterators, or managers whose `with` gives one; files and mocks are none."""
    if not _is_changeable(kind) or issubclass(kind, IOBase):
        return False
    spaces = namespaces(kind)
    if any(space.get("__module__") == _MOCK for space in spaces):
        return False
    return kind.__name__.endswith(_MANAGERS) or any("__next__" in space or "__anext__" in space for space in spaces)


@lru_cache(_REMEMBERED)
def _is_closeable(kind: type) -> bool:
    return _is_changeable(kind) and hasattr(kind, "__iter__") and hasattr(kind, "close")


@lru_cache(_REMEMBERED)
def is_raw(kind: type) -> bool:
    """Return whether objects of a class are responses that are not parsed yet."""
    return _is_changeable(kind) and any(each.__name__ in _RAW for each in kind.__mro__)


def _is_read(response: Any) -> bool:
    """Return whether the body of a raw response is there already, from where httpx keeps it."""
    return "_content" in vars(response.http_response)


def _is_changeable(kind: type) -> bool:
    return kind.__flags__ & (_HEAP_TYPE | _IMMUTABLE_TYPE) == _HEAP_TYPE


def namespaces(kind: type) -> list[types.MappingProxyType[str, Any]]:
    """Return what each class that a class is made of defines itself, the class first."""
    return [vars(each) for each in kind.__mro__]
