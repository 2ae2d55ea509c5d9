"""Whether the stack has room for a fold. It would fail half-way, and count a half of a call, where it has none."""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["need_room"]

_DEPTH: Final = 60
"""How many calls below `Drain.run` there may be, down to a renderer's."""
_SHALLOW: Final = 200
"""Frames below which a stack has room for these, whatever the calls between them took."""


def need_room() -> None:
    """Raise RecursionError where the stack has no room for a fold, so that it fails before anything is touched.

    To count the frames takes a call of C. Only where there are many is it tried how far the stack still goes, for
    calls that come through C code take more of it than their frames tell.
    """
    try:
        sys._getframe(min(_SHALLOW, sys.getrecursionlimit() // 4))  # noqa: SLF001 - documented, and in every CPython
    except ValueError:  # it is not that deep
        return
    _descend(_DEPTH)


def _descend(levels: int) -> None:
    """Go down so many calls and come back."""
    if levels:
        _descend(levels - 1)
