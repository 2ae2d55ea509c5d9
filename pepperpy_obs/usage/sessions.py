"""Realtime sessions: what was said to the model is written down by another one, which has its own usage and price."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.get_path import Path, first, get_path, paths
from pepperpy_obs.usage.shapes import word

__all__ = ["Session"]

_TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"
_SESSIONS: Final = (
    "session.created",
    "session.updated",
    "transcription_session.created",
    "transcription_session.updated",
)
_UNKNOWN: Final = "input_audio_transcription"
"""Stands for the model where nothing names it: it has no price, unlike the session's own model."""
_MODEL: Final = paths("session.audio.input.transcription.model", "session.input_audio_transcription.model")
_SPEAKER: Final[Path] = ("session", "model")
_TYPE: Final[Path] = ("type",)


class Session:
    """Which models speak and listen in a session, as far as its events have told."""

    __slots__ = ("listener", "speaker")

    def __init__(self) -> None:
        self.speaker: str | None = None
        self.listener: str | None = None

    def hear(self, item: Any) -> str | None:
        """Learn from an event; return the id of the item that it transcribes, if it transcribes one."""
        kind = word(get_path(item, _TYPE))
        if kind == _TRANSCRIBED:
            return word(get_path(item, ("item_id",))) or _UNKNOWN
        if kind in _SESSIONS:
            self.speaker = word(get_path(item, _SPEAKER)) or self.speaker
            self.listener = word(first(item, _MODEL)) or self.listener
        return None

    def name(self, captured: Captured, *, heard: bool) -> None:
        """Give an answer the name of the model that it is of, if it has none."""
        if heard:
            captured.model, captured.provider = self.listener or _UNKNOWN, "openai"
        elif self.speaker is not None:
            captured.model = captured.model or self.speaker
