"""Records that may be the cause of their own failures: put aside, in a file of their own, so that all others go on.

The cursor moves past them, and what speaks against them outlives the process: a job that runs for seconds would
else begin to suspect anew each time. Bounded; what finds no room stays where it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pepperpy_obs._guard import failed
from pepperpy_obs.shipping.poison import PoisonDetector, ReceiverHistory
from pepperpy_obs.shipping.private import open_private
from pepperpy_obs.shipping.record import Record

__all__ = ["SUFFIX", "Suspect", "Suspects"]

SUFFIX = ".suspects"
_MOST = 64
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(eq=False, slots=True)
class Suspect:
    """One record, as it is to be sent, and its detector."""

    record: Record
    instance: str
    replay: bool
    reduced: bool
    detector: PoisonDetector


class _Kept(msgspec.Struct):
    """A suspect as it stands in the file; `company` are the successes of others since it first failed."""

    at: int
    id: str
    line: bytes
    instance: str
    replay: bool
    reduced: bool
    own: int
    proven: int
    company: int
    failures: int


class _File(msgspec.Struct):
    failed: int = 0
    """How often the batch failed that was on its way at the end."""
    kept: list[_Kept] = []


class Suspects:
    """The suspects of one sink; used by one thread."""

    def __init__(self, path: Path, history: ReceiverHistory, others: Iterable[Path] = ()) -> None:
        """Load what `path` and files of processes that are gone keep; of these nothing is left behind."""
        self._path = path
        self._history = history
        self._failed = 0
        self._held: list[Suspect] = []
        for file in (path, *others):
            known = {suspect.record.id for suspect in self._held}
            found, failures = _load(file)
            self._held += [suspect for suspect in found if suspect.record.id not in known]
            self._failed = max(self._failed, failures)
        if any(file.exists() for file in others) and self.save():
            for file in others:
                with suppress(OSError):
                    file.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Suspect]:
        return iter(tuple(self._held))

    def inherited(self) -> PoisonDetector | None:
        """Return, once, the detector that the last process had of what it could not deliver."""
        found, self._failed = self._failed, 0
        return PoisonDetector(self._history.successes, self._history.failures - found, found) if found else None

    def due(self) -> Suspect | None:
        """Return one that others have got through since it last failed."""
        return next((one for one in self._held if one.detector.seen < self._history.successes), None)

    def add(self, suspect: Suspect) -> bool:
        """Put one aside; return whether it is on disk."""
        size = sum(len(one.record.line) for one in (*self._held, suspect))
        if len(self._held) >= _MOST or size > _MOST_BYTES:
            return False
        self._held.append(suspect)
        if not self.save():
            self._held.remove(suspect)
            return False
        return True

    def remove(self, suspect: Suspect) -> None:
        """Let one go that has been answered for.

        It is not synced: a power cut may bring it back, and it is sent once more, as what a cursor forgets.
        """
        self._held.remove(suspect)
        self.save(sync=False)

    def save(self, failures: int = 0, *, sync: bool = True) -> bool:
        """Write them down, with their detectors as they are now; return whether the disk took it.

        `failures` are those of a batch that is left.
        """
        try:
            if not self._held and not failures:
                self._path.unlink(missing_ok=True)
                return True
            other = self._path.with_name(self._path.name + ".new")
            other.unlink(missing_ok=True)
            with os.fdopen(open_private(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(msgspec.msgpack.encode(_File(failures, [self._kept(one) for one in self._held])))
                file.flush()
                if sync:
                    os.fdatasync(file.fileno())
            other.replace(self._path)
        except OSError as error:
            failed("shipping.suspects", error)
            return False
        return True

    def _kept(self, one: Suspect) -> _Kept:
        detector, (at, key, line) = one.detector, one.record
        company = self._history.successes - detector.successes
        failures = self._history.failures - detector.failures
        return _Kept(
            at, key, line, one.instance, one.replay, one.reduced, detector.own, detector.proven, company, failures
        )


def _load(path: Path) -> tuple[list[Suspect], int]:
    """Return the suspects of a file, and the failures of the batch; one that cannot be read is counted, and left."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            found = msgspec.msgpack.decode(file.read(2 * _MOST_BYTES), type=_File)
    except FileNotFoundError:
        return [], 0
    except (OSError, ValueError) as error:
        failed("shipping.suspects", error)
        return [], 0
    suspects = [
        Suspect(
            Record(one.at, one.id, one.line),
            one.instance,
            one.replay,
            one.reduced,
            # Counted from a history that begins anew.
            PoisonDetector(-one.company, -one.failures, one.own, one.proven),
        )
        for one in found.kept
    ]
    return suspects, found.failed
