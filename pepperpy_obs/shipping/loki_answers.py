"""What a refusal of Loki's means for each line: one kind took nothing, the others all lines that they do not name.

Which lines are meant follows from the limit, the time or the stream that the text names, and from how many it says
they are. `loki_wordings` has the words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pepperpy_obs.shipping.loki_wordings import ADVICE, WORDINGS, Wording, fixed_part, pattern
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import ACKNOWLEDGED, RecordResult, SendResult

__all__ = ["Sent", "judge_refusal", "judge_throttled"]

_SECOND: Final = 1_000_000_000
_LONGEST: Final = 262_144
"""What Loki takes by default (pkg/validation/limits.go)."""
_NAMED: Final = re.compile(r"entry with timestamp (\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?(?: \+0000|Z)")
_PATTERNS: Final = [(wording, fixed_part(wording.words), pattern(wording.words)) for wording in WORDINGS]
_IGNORED: Final = pattern("total ignored: <number> out of <limit> for stream: <stream>")
_LABEL: Final = re.compile(r'([^={,\s]+)="((?:[^"\\]|\\.)*)"')
_REST: Final = re.compile(r"\d+ errors like: ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sent:
    """The records of one request, and what the sink had made of each: how its metadata and its stream look."""

    records: Sequence[Record]
    metadata: Callable[[Record], tuple[int, int]]
    """Its bytes and its number."""
    stream: Callable[[Record], Mapping[str, str]]
    """The labels by which streams of one process differ."""
    replay: bool = False
    reduced: bool = False


@dataclass(slots=True)
class _Refusal:
    """All that an answer says of one reason."""

    wording: Wording
    text: str
    said: list[re.Match[str]] = field(default_factory=list[re.Match[str]])

    def numbers(self, name: str) -> list[int]:
        return [int(found[name]) for found in self.said if found[name]]

    def times(self, name: str) -> list[int]:
        return [_nanoseconds(found[name]) for found in self.said if name in found.re.groupindex and found[name]]

    @property
    def counted(self) -> bool:
        """Whether Loki counts, as it does from 2.9 on where more than one line is refused."""
        return len(self.said) > 1 or self.said[0]["count"] is not None

    @property
    def count(self) -> int:
        return sum(int(found["count"] or 1) for found in self.said)


def judge_refusal(sent: Sent, text: str) -> SendResult | None:
    """Return what a 400 means for each line, None when its words are unknown."""
    refusals, rest = _read(text)
    if not refusals:
        return None
    first = refusals[0].wording
    if first.effect == "nothing":
        return SendResult("split", "400", text[:500])
    outcomes: dict[int, RecordResult] = {}
    for refusal in sorted(refusals, key=lambda one: WORDINGS.index(one.wording)):
        for place in _meant(refusal, sent, outcomes):
            outcomes[place] = _outcome(refusal, sent)
    if not outcomes:
        return None
    if behind := next((one for one in refusals if one.wording.reason == "too_far_behind"), None):
        outcomes |= dict.fromkeys(_hidden(behind, sent, outcomes), RecordResult("again", "too_far_behind"))
    # Words beside the known ones may mean any line: none of those left is taken for granted, and none is sent again.
    other = RecordResult("rejected", "unknown_answer", text[:500]) if rest else ACKNOWLEDGED
    held = next((one for one in refusals if one.wording.effect == "hold"), None)
    detail = f"{text[:300]}; {ADVICE[held.wording.reason]}" if held else ""
    settled = [outcomes.get(place, other) for place in range(len(sent.records))]
    if held and all(outcome.what == "again" for outcome in settled):
        return SendResult("hold", held.wording.reason, detail)
    return SendResult("settle", held.wording.reason if held else "", detail, settled)


def judge_throttled(sent: Sent, text: str) -> SendResult | None:
    """Return what a 429 means for each line where Loki took the first of them, None where all have to go again.

    A Loki that does not shard streams takes lines until the stream's limit is reached and names the others
    (pkg/ingester/stream.go, `errorForFailedEntries`). Only where it counts as many lines as went is none hidden.
    """
    found, first = _IGNORED.search(text), _first_named(text)
    if found is None or int(found["limit"]) != len(sent.records):
        return None
    again = RecordResult("again", "429", text[:500])
    outcomes = [ACKNOWLEDGED if record.at < first else again for record in sent.records]
    return SendResult("settle", "429", outcomes=outcomes) if ACKNOWLEDGED in outcomes else None


def _read(text: str) -> tuple[list[_Refusal], str]:
    """Return the refusals in a text, the table's first match first, and whether it counts others that are unknown."""
    refusals: dict[str, _Refusal] = {}
    whole, lower = text, text.lower()
    for wording, fixed, found in _PATTERNS:
        if fixed not in lower:
            continue
        said = list(found.finditer(text))
        if said:
            refusals.setdefault(wording.reason, _Refusal(wording, whole)).said += said
            text = found.sub(" ", text)
    return list(refusals.values()), "unknown" if _REST.search(text) else ""


def _outcome(refusal: _Refusal, sent: Sent) -> RecordResult:
    reason, effect = refusal.wording.reason, refusal.wording.effect
    match effect:
        case "reduce" if not sent.reduced:
            return RecordResult("reduced", reason, _detail(refusal))
        case "replay" if not sent.replay:
            return RecordResult("replay", reason, _detail(refusal))
        case "hold":
            return RecordResult("again", reason, _detail(refusal))
        case _:
            return RecordResult("rejected", reason, _detail(refusal))


def _detail(refusal: _Refusal) -> str:
    match refusal.wording.reason:
        case "line_too_long":
            return f"longer than {refusal.numbers('limit')[0]} bytes"
        case "too_far_behind":
            return "behind the newest line of its stream"
        case _:
            return refusal.said[0][0][:500]


def _meant(refusal: _Refusal, sent: Sent, taken: Mapping[int, RecordResult]) -> list[int]:
    """Return the places of the lines that a refusal means, of those that nothing before it meant."""
    records, reason = sent.records, refusal.wording.reason
    places = sorted((p for p in range(len(records)) if p not in taken), key=lambda p: records[p].at)
    if (measure := _MEASURES.get(reason)) is not None:
        return _beyond(refusal, places, [(measure(sent, records[p]), len(records[p].line)) for p in places])
    match reason:
        case "metadata_off":
            return [p for p in places if sent.metadata(records[p])[1]]
        case "too_old":
            return _too_old(refusal, records, places)
        case "too_new":
            newest = [p for p in places if records[p].at >= min(refusal.times("time"))]
            return newest[-refusal.count :] if refusal.counted else newest
        case _:
            return _of_streams(refusal, sent, places)


_MEASURES: Final[Mapping[str, Callable[[Sent, Record], int]]] = {
    "line_too_long": lambda _, record: len(record.line),
    "metadata_too_large": lambda sent, record: sent.metadata(record)[0],
    "metadata_too_many": lambda sent, record: sent.metadata(record)[1],
}


def _beyond(refusal: _Refusal, places: list[int], measures: list[tuple[int, int]]) -> list[int]:
    """Return the places whose measure is past the limit; where Loki counts otherwise than we, as many as it says."""
    limit = min(refusal.numbers("limit"))
    ranked = sorted(zip(measures, places, strict=True), reverse=True)
    past = [place for (measure, _), place in ranked if measure > limit]
    if past and (not refusal.counted or len(past) == refusal.count):
        return past
    return [place for (measure, _), place in ranked[: refusal.count] if measure]


def _too_old(refusal: _Refusal, records: Sequence[Record], places: list[int]) -> list[int]:
    """Return the oldest, as many as Loki says: it writes whole seconds, so in the second of its limit only that tells.

    A Loki that does not count is believed to have refused what may have been.
    """
    limits = refusal.times("oldest")
    limit = max(limits) if limits else max(refusal.times("time"))
    sure = [p for p in places if records[p].at < limit]
    possible = [p for p in places if records[p].at < limit + _SECOND]
    if refusal.counted:
        return possible[: refusal.count]
    return possible if len(sure) > 1 or not limits else possible[:1]


def _hidden(refusal: _Refusal, sent: Sent, taken: Mapping[int, RecordResult]) -> list[int]:
    """Return the lines that a refusal for order hides: Loki has refused them, too, and told only of the others.

    Some are older than the first that it names, which came too late itself; some are longer than it takes by default.
    Loki says how many lines it has looked at: if more are missing than that, the newest are, which its clock may put
    into the future. None is hidden where it has looked at as many lines as went.
    """
    every = [*range(len(sent.records))]
    inside = {place for found in refusal.said for place in _in_stream(found, sent, every)}
    hidden = len(inside) - sum(refusal.numbers("limit"))
    if not hidden:
        return []
    first = _first_named(refusal.text)
    places = sorted(inside - taken.keys())
    found = [p for p in places if len(sent.records[p].line) > _LONGEST or sent.records[p].at < first]
    others = sorted((p for p in places if p not in found), key=lambda p: sent.records[p].at)
    return [*found, *others[len(others) - max(0, min(hidden - len(found), len(others))) :]]


def _first_named(text: str) -> int:
    """Return the time of the oldest line that a refusal for order names; it writes Go's form of a time."""
    found = [_nanoseconds(day, fraction) for day, fraction in _NAMED.findall(text)]
    return min(found, default=0)


def _of_streams(refusal: _Refusal, sent: Sent, places: list[int]) -> list[int]:
    """Return the lines of the streams that are named.

    Lines go oldest first, so those that are too far behind are the oldest of their stream; Loki says how many.
    """
    meant: list[int] = []
    for found in refusal.said:
        inside = [p for p in _in_stream(found, sent, places) if p not in meant]
        if refusal.wording.reason == "too_far_behind":
            first = _first_named(refusal.text)
            inside = [p for p in inside if sent.records[p].at >= first][: int(found["number"])]
        meant += inside
    return meant


def _in_stream(found: re.Match[str], sent: Sent, places: list[int]) -> list[int]:
    """Return the places in the stream that is named; all where none or an unknown one is."""
    named = found["stream"] if "stream" in found.re.groupindex else None
    labels = {name: _unquoted(value) for name, value in _LABEL.findall(named or "")}
    streams = [(p, sent.stream(sent.records[p])) for p in places]
    inside = [p for p, stream in streams if all(labels.get(name, value) == value for name, value in stream.items())]
    return inside or places


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _nanoseconds(text: str, fraction: str = "") -> int:
    at = datetime.fromisoformat(text)
    seconds = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    return seconds * _SECOND + int(fraction.ljust(9, "0")[:9] or 0)
