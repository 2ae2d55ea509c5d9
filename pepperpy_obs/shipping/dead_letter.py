"""What a receiver will never take, kept for a person to look at: one line of JSON each, with the reason.

Bounded: past half of its bytes the file is put aside under `.1`, and what stood there goes. The ledger keeps count.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pepperpy_obs._guard import failed
from pepperpy_obs.shipping.private import open_private
from pepperpy_obs.shipping.record import Record

__all__ = ["DeadLetters"]


class DeadLetters:
    """The dead-letter file of one sink in one process's directory; one thread writes it."""

    def __init__(self, path: Path, max_bytes: int = 4 * 1024 * 1024) -> None:
        self.path = path
        self._half = max_bytes // 2

    def keep(self, record: Record, reason: str, detail: str) -> None:
        """Add a record; a disk that refuses costs the letter, which is counted as a failure of ours."""
        event = record.line.decode(errors="replace")
        line = msgspec.json.encode({"reason": reason, "detail": detail, "id": record.id, "event": event}) + b"\n"
        try:
            if self.path.exists() and self.path.stat().st_size + len(line) > self._half:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
            file = open_private(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            try:
                os.write(file, line[: self._half])
            finally:
                os.close(file)
        except OSError as error:
            failed("shipping.dead_letter", error)
