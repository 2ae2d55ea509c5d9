"""Answers that are yet to come: a background response, a run or a batch that is asked for until it is done."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.get_path import safe_getattr
from pepperpy_obs.usage.shapes import word

__all__ = ["is_pending"]

_WORKING: Final = frozenset(
    {"queued", "in_progress", "requires_action", "cancelling", "validating", "finalizing", "pending", "running"}
)
_KINDS: Final = frozenset({"response", "thread.run", "batch", "video", "message_batch"})


def is_pending(answer: Any, captured: Captured) -> bool:
    """Tell whether an answer in which no usage was found says that it is still being made."""
    if captured.response_id is None or word(safe_getattr(answer, "status")) not in _WORKING:
        return False
    return captured.model is not None or word(safe_getattr(answer, "object")) in _KINDS
