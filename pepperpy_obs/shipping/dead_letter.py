"""What a receiver will never take, kept for a person to look at: one line of JSON each, with the reason.

Bounded: past half of its bytes the file is put aside under `.1`, and the letters that stood there are gone, counted.
`resend` tries the letters once more.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pepperpy_obs._guard import failed
from pepperpy_obs.shipping.private import open_private
from pepperpy_obs.shipping.record import Record

__all__ = ["SUFFIX", "DeadLetters", "Letter", "read_letters"]

SUFFIX = ".rejected.ndjson"


class Letter(msgspec.Struct, omit_defaults=True):
    """One event that was refused, and why."""

    reason: str
    detail: str
    id: str
    event: str
    cut: bool = False
    """The event was too long for the file: its end is not there."""


def read_letters(path: Path) -> tuple[list[Letter], int]:
    """Return the letters of a file, and how many lines of it are none.

    Raises:
        OSError: It cannot be read, or is not ours alone.
    """
    letters: list[Letter] = []
    odd = 0
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        for line in file:
            try:
                letters.append(_decode(line))
            except msgspec.DecodeError:
                odd += 1
    return letters, odd


_decode = msgspec.json.Decoder(Letter).decode
_encode = msgspec.json.Encoder().encode


class DeadLetters:
    """The dead-letter file of one sink in one process's directory; one thread writes it."""

    def __init__(self, path: Path, max_bytes: int = 16 * 1024 * 1024) -> None:
        self.path = path
        self._half = max_bytes // 2

    def keep(self, record: Record, reason: str, detail: str) -> int:
        """Add a record; return how many letters are gone for it: those pushed out, or this one if the disk refuses it.

        What the disk refuses is counted as a failure of ours, too.
        """
        gone = 0
        event = record.line.decode(errors="replace")
        line = _encode(Letter(reason, detail, record.id, event)) + b"\n"
        if len(line) > self._half:
            # Escaped, a character has up to six bytes.
            line = _encode(Letter(reason, detail, record.id, event[: self._half // 12], cut=True)) + b"\n"
        try:
            if self.path.exists() and self.path.stat().st_size + len(line) > self._half:
                aside = self.path.with_name(self.path.name + ".1")
                gone = _count(aside)
                self.path.replace(aside)
            file = open_private(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            try:
                os.write(file, line[: self._half])
            finally:
                os.close(file)
        except OSError as error:
            failed("shipping.dead_letter", error)
            gone += 1
        return gone


def _count(path: Path) -> int:
    """Return how many letters a file has; 0 if there is none."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            return sum(1 for _ in file)
    except FileNotFoundError:
        return 0
