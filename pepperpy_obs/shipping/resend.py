"""Dead letters sent once more, after their cause was removed: for `pepperpy-obs resend`.

A running service may add to the same files meanwhile: they are put under another name first. What is not taken is put
back, with its newest reason; a run that is killed leaves its files for the next.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex

from pepperpy_obs.shipping.dead_letter import SUFFIX, DeadLetters, Letter, read_letters
from pepperpy_obs.shipping.outcome import Outcome, Parcel, Verdict
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.stamp import stamped
from pepperpy_obs.shipping.transport import Transport

__all__ = ["Resent", "letters_of", "resend"]

_TAKEN = ".resend"


@dataclass(slots=True)
class Resent:
    """What came of the dead letters of one sink."""

    sink: str
    url: str
    letters: int = 0
    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    """Again, by reason; they were put back."""
    left: int = 0
    """Not sent, or not answered for; they were put back."""
    stopped: str = ""
    """Why not all were sent."""

    def __str__(self) -> str:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(self.refused.items()))
        again = f"{self.refused.total()} refused again" + (f" ({reasons})" if reasons else "")
        text = f"{self.sink} at {self.url}: {self.letters} dead letters: {self.taken} taken, {again}, {self.left} left"
        return f"{text}: {self.stopped}" if self.stopped else text


@dataclass(slots=True)
class _Parcel:
    letters: list[tuple[Letter, Record]]
    replay: bool = False
    reduced: bool = False


def letters_of(directory: Path, sink: str) -> list[Path]:
    """Return the files of a sink's dead letters, those that a run of before has left included."""
    return sorted(directory.glob(f"*/{sink}{SUFFIX}*"))


def resend(spec: SinkSpec, directory: Path, reasons: Collection[str] = (), max_bytes: int = 16 * 1024 * 1024) -> Resent:
    """Send the dead letters of a sink once more, those of some `reasons` only if any are given.

    Raises:
        SetupError: A certificate or key cannot be read.
        OSError: A file cannot be read, or is not ours alone.
    """
    transport = Transport(spec)
    run = _Run(spec, transport)
    try:
        for path in letters_of(directory, spec.name):
            run.file(path, DeadLetters(path.with_name(spec.name + SUFFIX), max_bytes), reasons)
    finally:
        transport.close()
    return run.found


class _Run:
    """One sink's letters on their way."""

    def __init__(self, spec: SinkSpec, transport: Transport) -> None:
        self.found = Resent(spec.name, spec.url)
        self._spec = spec
        self._transport = transport
        self._parcels: list[_Parcel] = []

    def file(self, path: Path, back: DeadLetters, reasons: Collection[str]) -> None:
        """Send what a file holds; what is not taken goes back."""
        taken = path if path.suffix == _TAKEN else path.rename(path.with_name(f"{path.name}.{token_hex(4)}{_TAKEN}"))
        records: list[tuple[Letter, Record]] = []
        for letter in read_letters(taken)[0]:
            if letter.cut or (reasons and letter.reason not in reasons):
                back.keep(_record(letter), letter.reason, letter.detail)
            else:
                records.append((letter, _record(letter)))
        self.found.letters += len(records)
        self._parcels = list(_batches(self._spec, sorted(records, key=lambda pair: pair[1].at)))
        while self._parcels:
            for letter, record in self._parcel(self._parcels.pop(0), back):
                self.found.left += 1
                back.keep(record, letter.reason, letter.detail)
        taken.unlink()

    def _parcel(self, parcel: _Parcel, back: DeadLetters) -> list[tuple[Letter, Record]]:
        """Send a parcel; return those of it that were not answered for."""
        if self.found.stopped:
            return parcel.letters
        parts = self._spec.partition([record for _, record in parcel.letters])
        if len(parts) > 1:
            self._parcels[:0] = [replace(parcel, letters=[parcel.letters[place] for place in part]) for part in parts]
            return []
        verdict = self._post(parcel)
        if verdict.action == "split" and len(parcel.letters) > 1:
            half = len(parcel.letters) // 2
            self._parcels[:0] = [
                replace(parcel, letters=parcel.letters[:half]),
                replace(parcel, letters=parcel.letters[half:]),
            ]
            return []
        if verdict.action in {"retry", "hold"}:
            self.found.stopped = verdict.detail or verdict.reason
        alike = Outcome(
            "rejected" if verdict.action in {"split", "unknown"} else "again", verdict.reason, verdict.detail
        )
        return self._sort(parcel, verdict.outcomes or [alike] * len(parcel.letters), back)

    def _post(self, parcel: _Parcel) -> Verdict:
        records = [record for _, record in parcel.letters]
        sent = Parcel(records, f"{socket.gethostname()}-resend", parcel.replay, parcel.reduced)
        try:
            request = self._spec.encode(sent)
        except Exception as error:  # whatever it holds, the other letters are not to suffer
            return Verdict("split", "unencodable", repr(error))
        return self._spec.judge(sent, self._transport.post(request))

    def _sort(self, parcel: _Parcel, outcomes: Sequence[Outcome], back: DeadLetters) -> list[tuple[Letter, Record]]:
        """Count what was taken, put back what was refused, and queue what goes in another shape; return the rest."""
        left: list[tuple[Letter, Record]] = []
        shapes = {
            "replay": _Parcel([], replay=True, reduced=parcel.reduced),
            "reduced": _Parcel([], replay=parcel.replay, reduced=True),
        }
        for (letter, record), outcome in zip(parcel.letters, outcomes, strict=True):
            match outcome.what:
                case "acknowledged":
                    self.found.taken += 1
                case "rejected":
                    self.found.refused[outcome.reason] += 1
                    back.keep(record, outcome.reason, outcome.detail)
                case "replay" | "reduced":
                    shapes[outcome.what].letters.append((letter, record))
                case "again":
                    left.append((letter, record))
                    self.found.stopped = self.found.stopped or outcome.detail or outcome.reason
        self._parcels[:0] = [shape for shape in shapes.values() if shape.letters]
        return left


def _record(letter: Letter) -> Record:
    return stamped(letter.event.encode())._replace(id=letter.id)


def _batches(spec: SinkSpec, records: Iterable[tuple[Letter, Record]]) -> Iterable[_Parcel]:
    batch, size = _Parcel([]), 0
    for letter, record in records:
        if batch.letters and (size + len(record.line) > spec.batch_bytes or len(batch.letters) == spec.batch_records):
            yield batch
            batch, size = _Parcel([]), 0
        batch.letters.append((letter, record))
        size += len(record.line)
    if batch.letters:
        yield batch
