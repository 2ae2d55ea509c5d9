"""What the frames that an exception has passed through still hold: answers that the exception itself does not carry."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

from pepperpy_obs.usage.answers import capture
from pepperpy_obs.usage.captured import Captured

__all__ = ["frames_of", "held"]

_TRACEBACK: Final[Any] = BaseException.__dict__["__traceback__"]
"""Python's own attribute: an exception may have a `__getattribute__` that raises."""
_DEEPEST: Final = 200
"""Through so many frames an exception is followed; a stack that has overflowed has more."""
_HOLDERS: Final = {
    "pydantic_ai.agent.abstract": ("agent_run",),
    "openai.lib._parsing._completions": ("chat_completion",),
    "openai.lib._parsing._responses": ("response",),
    "anthropic.lib._parse._response": ("response",),
}
"""Modules whose functions work on an answer, or for a run of requests, and the names that it has there.

What is raised there (OpenAI's content filter error, pydantic's ValidationError), or by a tool of an agent's run, tells
nothing of the requests before it.
"""


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames that an exception has passed through, the outermost first; a bounded number."""
    passed = _TRACEBACK.__get__(error)
    for _ in range(_DEEPEST):
        if passed is None:
            return
        yield passed.tb_frame
        passed = passed.tb_next


def held(error: BaseException) -> Iterator[tuple[Captured, object]]:
    """Yield the usage of what the frames hold that an exception has passed through, and the object that has it."""
    for frame in frames_of(error):
        for name in _HOLDERS.get(frame.f_globals.get("__name__", ""), ()):
            holder = frame.f_locals.get(name)
            kept = None if holder is None else capture(holder)
            # A run that has asked for nothing yet has a total, too.
            if kept is not None and any(kept.raw.values()):
                yield kept, holder
