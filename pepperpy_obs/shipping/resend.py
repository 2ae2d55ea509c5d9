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
from pepperpy_obs.shipping.header import parse_header
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Payload, RecordResult, SendResult
from pepperpy_obs.shipping.sink import SinkSpec
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
class _Payload:
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
        self._payloads: list[_Payload] = []

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
        self._payloads = list(_batches(self._spec, sorted(records, key=lambda pair: pair[1].at)))
        while self._payloads:
            for letter, record in self._sent(self._payloads.pop(0), back):
                self.found.left += 1
                back.keep(record, letter.reason, letter.detail)
        taken.unlink()

    def _sent(self, payload: _Payload, back: DeadLetters) -> list[tuple[Letter, Record]]:
        """Send a payload; return those of it that were not answered for."""
        if self.found.stopped:
            return payload.letters
        parts = self._spec.partition([record for _, record in payload.letters])
        if len(parts) > 1:
            self._payloads[:0] = [
                replace(payload, letters=[payload.letters[place] for place in part]) for part in parts
            ]
            return []
        send_result = self._post(payload)
        if send_result.action == "split" and len(payload.letters) > 1:
            half = len(payload.letters) // 2
            self._payloads[:0] = [
                replace(payload, letters=payload.letters[:half]),
                replace(payload, letters=payload.letters[half:]),
            ]
            return []
        if send_result.action in {"retry", "hold"}:
            self.found.stopped = send_result.detail or send_result.reason
        alike = RecordResult(
            "rejected" if send_result.action in {"split", "unknown"} else "again",
            send_result.reason,
            send_result.detail,
        )
        return self._sort(payload, send_result.outcomes or [alike] * len(payload.letters), back)

    def _post(self, payload: _Payload) -> SendResult:
        records = [record for _, record in payload.letters]
        sent = Payload(records, f"{socket.gethostname()}-resend", payload.replay, payload.reduced)
        try:
            request = self._spec.encode(sent)
        except Exception as error:  # whatever it holds, the other letters are not to suffer
            return SendResult("split", "unencodable", repr(error))
        return self._spec.judge(sent, self._transport.post(request))

    def _sort(
        self, payload: _Payload, outcomes: Sequence[RecordResult], back: DeadLetters
    ) -> list[tuple[Letter, Record]]:
        """Count what was taken, put back what was refused, and queue what goes in another shape; return the rest."""
        left: list[tuple[Letter, Record]] = []
        shapes = {
            "replay": _Payload([], replay=True, reduced=payload.reduced),
            "reduced": _Payload([], replay=payload.replay, reduced=True),
        }
        for (letter, record), outcome in zip(payload.letters, outcomes, strict=True):
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
        self._payloads[:0] = [shape for shape in shapes.values() if shape.letters]
        return left


def _record(letter: Letter) -> Record:
    return parse_header(letter.event.encode())._replace(id=letter.id)


def _batches(spec: SinkSpec, records: Iterable[tuple[Letter, Record]]) -> Iterable[_Payload]:
    batch, size = _Payload([]), 0
    for letter, record in records:
        if batch.letters and (size + len(record.line) > spec.batch_bytes or len(batch.letters) == spec.batch_records):
            yield batch
            batch, size = _Payload([]), 0
        batch.letters.append((letter, record))
        size += len(record.line)
    if batch.letters:
        yield batch
