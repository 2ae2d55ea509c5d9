"""A progress bar on standard error, if that is a terminal, and nothing otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, Self

from pepperpy_obs import _clock

__all__ = ["Progress"]

_EVERY_NS: Final = 100_000_000
_WIDTH: Final = 30


class Progress:
    """Shows how much of `total` is done (0: unknown), ten times a second at most; use it in a `with` block."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._shown = 0
        self._terminal = sys.stderr.isatty()

    def show(self, done: int, text: Callable[[], str]) -> None:
        """Draw the bar, with a text behind it, which is asked for only then."""
        if not self._terminal or _clock.perf_counter_ns() - self._shown < _EVERY_NS:
            return
        self._shown = _clock.perf_counter_ns()
        bar = ""
        if self._total:
            share = min(1.0, done / self._total)
            full = round(share * _WIDTH)
            bar = f"[{'#' * full}{'.' * (_WIDTH - full)}] {share:4.0%}  "
        # Back to the first column, and clear what an earlier, longer text left (ECMA-48 EL).
        sys.stderr.write(f"\r{bar}{text()}\x1b[K")
        sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
