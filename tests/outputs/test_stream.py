from __future__ import annotations

import io
import os
import select
import sys

import pytest

from pepperpy_obs.outputs.stream import Stream

pytestmark = [pytest.mark.hostile, pytest.mark.quick]


class TestStream:
    def test_looked_up_at_each_write(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lines go to what `sys.stdout` is at the time, a stream of text included."""
        stream = Stream("stdout")
        first, second = io.StringIO(), io.StringIO()
        for target in (first, second):
            monkeypatch.setattr(sys, "stdout", target)
            stream.write(["ä\n".encode(), b"b\n"])
        stream.close()

        assert (first.getvalue(), second.getvalue()) == ("ä\nb\n", "ä\nb\n")
        assert not second.closed

    def test_after_what_was_printed(self, capfd: pytest.CaptureFixture[str]) -> None:
        """Text that still waits in Python's buffer comes first."""
        sys.stderr.write("printed ")
        Stream("stderr").write([b"logged\n"])

        assert capfd.readouterr() == ("", "printed logged\n")

    def test_more_than_a_pipe_holds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A write that the system takes in parts is finished."""
        written: list[bytes] = []

        def take_three(descriptor: int, data: bytes) -> int:
            written.append(bytes(data[:3]))
            return len(written[-1])

        monkeypatch.setattr(os, "write", take_three)
        with open(os.devnull, "w", encoding="utf-8") as target:  # noqa: PTH123
            monkeypatch.setattr(sys, "stdout", target)
            Stream("stdout").write([b"abcdefgh\n"])

        assert written == [b"abc", b"def", b"gh\n"]

    @pytest.mark.parametrize("high", [False, True])
    def test_without_poll(self, high: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where another library has taken `select.poll` away, lines are written all the same."""
        monkeypatch.delattr(select, "poll")
        if high:
            monkeypatch.setattr("pepperpy_obs.outputs.stream._MOST_SELECTED", 0)
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as target:
            monkeypatch.setattr(sys, "stdout", target)
            Stream("stdout").write([b"a\n", b"b\n"])

        assert os.read(reading, 100) == b"a\nb\n"
        os.close(reading)

    def test_a_full_pipe_without_poll(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is not waited for longer than a quarter of a second, and what it has taken is known."""
        monkeypatch.delattr(select, "poll")
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as target:
            monkeypatch.setattr(sys, "stdout", target)
            with pytest.raises(BlockingIOError, match="is not read") as caught:
                Stream("stdout").write([b"a line of twenty-four.\n" * 10_000])
        taken = getattr(caught.value, "lines_written", 0)
        assert 0 < taken < 10_000
        os.close(reading)

    def test_a_stream_whose_descriptor_leads_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A notebook's stream has the terminal's descriptor, and shows in the cell what is written as text."""

        class SeriesData(io.TextIOBase):
            shown = ""

            def write(self, text: str) -> int:
                self.shown += text
                return len(text)

            def fileno(self) -> int:
                raise AssertionError

        cell = SeriesData()
        monkeypatch.setattr(sys, "stderr", cell)
        Stream("stderr").write(["grün\n".encode()])

        assert cell.shown == "grün\n"

    def test_a_broken_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A reader that has gone is an error to the caller, which counts it."""
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as target:
            monkeypatch.setattr(sys, "stdout", target)
            with pytest.raises(BrokenPipeError):
                Stream("stdout").write([b"a\n"])

    @pytest.mark.parametrize("gone", [None, io.StringIO()])
    def test_no_stream(self, gone: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
        """A stream that was closed, or that a process without a console never had, is an error to the caller."""
        if gone:
            gone.close()
        monkeypatch.setattr(sys, "stderr", gone)

        with pytest.raises(OSError, match="stderr is closed"):
            Stream().write([b"a\n"])
        assert not Stream().is_terminal()

    @pytest.mark.parametrize("environment, wanted", [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
    def test_colors_on_a_terminal(
        self, environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A terminal gets colours, unless somebody has asked for none."""
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        controller, terminal = os.openpty()
        with os.fdopen(terminal, "w") as target:
            monkeypatch.setattr(sys, "stdout", target)

            assert Stream("stdout").is_terminal()
            assert Stream("stdout").takes_colors() is wanted
        os.close(controller)
