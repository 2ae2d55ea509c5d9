from __future__ import annotations

import io
import sys

import pytest

from pepperpy_obs.cli.progress import Progress
from pepperpy_obs.testing import ManualClock


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_terminal_sees_a_bar_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is drawn ten times a second at most, in place, and nothing of it stays in the end."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with ManualClock() as clock, Progress(200) as progress:
        for done in range(0, 201, 50):
            clock.advance(0.06)
            progress.show(done, f"{done} events".format)
    assert terminal.getvalue().split("\r")[1:] == [
        "[########......................]  25%  50 events\x1b[K",
        "[######################........]  75%  150 events\x1b[K",
        "\x1b[K",
    ]


def test_a_total_that_nobody_knows_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """For standard input only the text is shown."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with ManualClock() as clock, Progress(0) as progress:
        clock.advance(1)
        progress.show(12345, lambda: "7 events")
    assert terminal.getvalue() == "\r7 events\x1b[K\r\x1b[K"


def test_a_file_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is no terminal, nothing is written."""
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with ManualClock() as clock, Progress(10) as progress:
        clock.advance(1)
        progress.show(5, lambda: "5 events")
    assert stream.getvalue() == ""
