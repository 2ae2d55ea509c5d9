"""How to read Loki's two kinds of 400: one of them took nothing, the other took every line but those it names.

The texts are those of Loki v3 (pkg/validation/validate.go, pkg/ingester/stream.go). A text that none of them fits is
read as "took nothing": what was taken all the same is then sent twice, and Loki drops the exact copy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from pepperpy_obs.shipping.outcome import ACKNOWLEDGED, Answer, Outcome, Parcel, Verdict, hold, split
from pepperpy_obs.shipping.record import Record

__all__ = ["judge_refusal"]

_BEHIND = re.compile(r"total ignored: (\d+) out of \d+ for stream")
_TOO_LONG = re.compile(r"Max entry size '(\d+)' bytes exceeded")
_TOO_OLD = re.compile(r"has timestamp too old: [^,]+, oldest acceptable timestamp is: (\S+?)[,;]?(?:\s|$)")
_TOO_NEW = re.compile(r"has timestamp too new: (\S+?)[,;]?(?:\s|$)")
_STREAM = re.compile(
    r"label names; limit|has label name too long|has label value too long|has duplicate label name|"
    r"missing required labels|at least one label pair is required|has structured metadata too large|"
    r"has too many structured metadata labels"
)
_PARSER = re.compile(
    r"loghttp\.|couldn't parse labels|error parsing labels|ReadArray|readObject|Value looks like|unexpected end"
)
_SECOND = 1_000_000_000


def judge_refusal(parcel: Parcel, answer: Answer) -> Verdict:
    """Return what a 400 means for each line."""
    records = parcel.records
    text = answer.body.decode(errors="replace")
    if "no org id" in text or "structured metadata, but this feature is disallowed" in text or "tenant ID" in text:
        return hold(answer)
    refused: dict[int, Outcome] = {}
    _refused_by_size(records, text, refused)
    _refused_by_age(records, text, refused)
    _refused_by_order(records, text, refused, replay=parcel.replay)
    if not refused and _STREAM.search(text):
        # Which of several streams is meant is not worth a parser: a process has one service, and bounds its labels.
        refused = dict.fromkeys(range(len(records)), Outcome("rejected", "labels", answer.text))
    if not refused:
        return split(answer, doubtful=not _PARSER.search(text))
    return Verdict("settle", outcomes=[refused.get(index, ACKNOWLEDGED) for index in range(len(records))])


def _nanoseconds(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp()) * _SECOND
    except ValueError:
        return None


def _refused_by_size(records: Sequence[Record], text: str, refused: dict[int, Outcome]) -> None:
    if (found := _TOO_LONG.search(text)) is not None:
        limit = int(found[1])
        outcome = Outcome("rejected", "line_too_long", f"longer than {limit} bytes")
        refused.update((index, outcome) for index, one in enumerate(records) if len(one.line) > limit)


def _refused_by_age(records: Sequence[Record], text: str, refused: dict[int, Outcome]) -> None:
    """Loki writes whole seconds: in the second of the limit we cannot know, and say "refused" rather than "taken"."""
    oldest = [at for found in _TOO_OLD.finditer(text) if (at := _nanoseconds(found[1])) is not None]
    if oldest:
        outcome = Outcome("rejected", "too_old", f"older than {max(oldest) // _SECOND} s since the epoch")
        refused.update((index, outcome) for index, one in enumerate(records) if one.at < max(oldest) + _SECOND)
    newest = [at for found in _TOO_NEW.finditer(text) if (at := _nanoseconds(found[1])) is not None]
    if newest:
        outcome = Outcome("rejected", "too_new", f"from {min(newest) // _SECOND} s since the epoch on")
        refused.update((index, outcome) for index, one in enumerate(records) if one.at >= min(newest))


def _refused_by_order(records: Sequence[Record], text: str, refused: dict[int, Outcome], *, replay: bool) -> None:
    """Lines go oldest first, so that those that are too far behind are the oldest; Loki says how many."""
    if "too far behind" not in text:
        return
    count = sum(int(found[1]) for found in _BEHIND.finditer(text))
    outcome = Outcome("rejected" if replay else "replay", "too_far_behind", "behind the newest line of its stream")
    left = [index for index in sorted(range(len(records)), key=lambda index: records[index].at) if index not in refused]
    refused.update((index, outcome) for index in left[:count])
