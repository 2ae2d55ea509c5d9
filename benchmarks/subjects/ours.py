"""pepperpy_obs in each of its modes. All calls are children of one running call, so that span ids nest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any, Final

from benchmarks.subjects import Function, Subject, nothing
from pepperpy_obs import Config, configure, costed, flush, measure, measured, stats, tracked_usage

__all__ = ["subjects"]

_FOLDER: Final = Path(mkdtemp(prefix="pepperpy_obs-bench-"))
_ids = itertools.count()


def answers(count: int) -> Sequence[Any]:
    """Return answers as a provider's SDK gives them, each with an id of its own."""
    return [answer() for _ in range(count)]


def answer() -> Any:
    """Return one chat completion, with cached and reasoning tokens."""
    return SimpleNamespace(
        id=f"chatcmpl-{next(_ids):024d}",
        object="chat.completion",
        model="gpt-4o-2024-08-06",
        service_tier="default",
        choices=[SimpleNamespace(index=0, message=SimpleNamespace(role="assistant", content="Sunny."))],
        usage=SimpleNamespace(
            prompt_tokens=1200,
            completion_tokens=80,
            total_tokens=1280,
            prompt_tokens_details=SimpleNamespace(cached_tokens=1024, audio_tokens=0),
            completion_tokens_details=SimpleNamespace(reasoning_tokens=0, audio_tokens=0),
        ),
    )


def wrap_measured(function: Function, operation: str) -> Function:
    """Decorate with @measured alone."""
    return measured(operation=operation)(function)


def wrap_priced(function: Function, operation: str) -> Function:
    """Decorate with all three."""
    return measured(tracked_usage(operation=operation)(costed(provider="openai")(function)))


class Mode:
    """Settings that are put in force for one subject, and what they wrote."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.path: Path | None = settings.get("log_file")

    def start(self) -> None:
        """Put the settings in force, with an empty file."""
        if self.path is not None:
            for old in self.path.parent.glob(f"{self.path.name}*"):
                old.unlink()
        configure(Config(config_file=None, **self.settings))

    def written(self) -> int:
        """Return the number of lines on disk."""
        assert self.path is not None  # noqa: S101 - only modes with a file are asked
        return sum(path.read_bytes().count(b"\n") for path in self.path.parent.glob(f"{self.path.name}*"))


def counted() -> int:
    """Return the number of calls that are folded."""
    return sum(data.calls for data in stats().snapshot.series.values())


def _subject(name: str, wrap: Callable[[Function, str], Function], mode: Mode, **options: Any) -> Subject:
    return Subject(
        name, wrap, start=mode.start, flush=flush, around=lambda: measure("request"),
        delivered=mode.written if mode.path else counted, **options,
    )  # fmt: skip


def subjects() -> list[Subject]:
    """Return our modes; those without a file still fold every event into the statistics."""
    quiet = Mode(log_format="none")
    written = Mode(log_format="json", log_file=_FOLDER / "measured.jsonl", log_max_bytes=0)
    priced = Mode(log_format="json", log_file=_FOLDER / "priced.jsonl", log_max_bytes=0)
    sampled = Mode(log_format="json", log_file=_FOLDER / "sampled.jsonl", log_max_bytes=0, log_sample_rate=0.01)
    off = Mode(log_format="none", metrics_enabled=False)
    return [
        Subject("ours: disabled", wrap_measured, start=off.start, flush=nothing),
        _subject("ours: measured", wrap_measured, quiet),
        _subject("ours: measured, JSON file", wrap_measured, written),
        _subject("ours: measured, JSON file, sampled 1 %", wrap_measured, sampled),
        _subject("ours: usage and cost", wrap_priced, quiet, arguments=answers),
        _subject("ours: usage and cost, JSON file", wrap_priced, priced, arguments=answers),
    ]
