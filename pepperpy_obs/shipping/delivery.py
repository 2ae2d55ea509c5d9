"""One batch on its way to one sink: which of its records are still owed, in what order, and what became of the rest.

It decides what goes into the next request; when that is made is `transport.persist`'s part. The cursor follows
behind the first records that are settled, so that a kill costs duplicates of what was in flight only.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from pepperpy_obs import _clock
from pepperpy_obs.shipping.dead_letter import DeadLetters
from pepperpy_obs.shipping.ledger import Account
from pepperpy_obs.shipping.outcome import Answer, Outcome, Parcel, Request, Verdict, retry_after
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.spool import Batch, Spool
from pepperpy_obs.shipping.transport import Pause, persist

__all__ = ["Delivery", "Poster", "Source"]

_THROTTLED_BEFORE_HALVING = 2


class Poster(Protocol):
    """Whoever makes the request."""

    def post(self, request: Request) -> Answer:
        """Return the answer, with status 0 when none came."""
        ...


class Source(NamedTuple):
    """A spool, and the steady name of the processes that wrote it."""

    spool: Spool
    instance: str


class _Group(NamedTuple):
    """Places in the batch that go in one request."""

    places: Sequence[int]
    replay: bool = False


class Delivery:
    """A batch that a sink has taken from a spool."""

    def __init__(self, spec: SinkSpec, source: Source, batch: Batch, *, account: Account, letters: DeadLetters) -> None:
        self._spec = spec
        self._spool, self._instance = source
        self._batch = batch
        self._account = account
        self._letters = letters
        self._groups = deque([_Group(range(len(batch.records)))])
        self._owed = [True] * len(batch.records)
        self._prefix = 0
        self._throttled = 0
        self._sealed: tuple[_Group, Request] | None = None

    def run(self, poster: Poster, stop: threading.Event) -> bool:
        """Send until every record is settled; return False when `stop` was set before that.

        It may be called again after a False or an error, and goes on where it was.
        """
        while self._groups:
            if not persist(lambda: self._attempt(poster), self._spec, stop):
                return False
        return True

    def write_off(self) -> None:
        """Count as dropped what is neither settled nor on disk any more, once nothing will be sent."""
        kept = self._spool.first - self._batch.first
        if lost := sum(self._owed[: max(0, kept)]):
            self._account.dropped("spool_full", lost)

    def _attempt(self, poster: Poster) -> Pause | None:
        group = self._groups[0]
        parcel = Parcel([self._batch.records[place] for place in group.places], self._instance, group.replay)
        try:
            request = self._seal(group, parcel)
        except Exception as error:
            return self._apply(group, Verdict("split", "unencodable", repr(error)), Answer(0))
        self._account.requested()
        answer = poster.post(request)
        try:
            verdict = self._spec.judge(parcel, answer)
        except (ValueError, TypeError, RecursionError) as error:
            verdict = Verdict("retry", "garbage", repr(error))
        return self._apply(group, verdict, answer)

    def _seal(self, group: _Group, parcel: Parcel) -> Request:
        """Return the group's request; a retry repeats the very same bytes."""
        if self._sealed is None or self._sealed[0] is not group:
            self._sealed = (group, self._spec.encode(parcel))
        return self._sealed[1]

    def _apply(self, group: _Group, verdict: Verdict, answer: Answer) -> Pause | None:
        self._throttled = self._throttled + 1 if answer.status == 429 else 0
        match verdict.action:
            case "settle":
                return self._settle(group, verdict.outcomes, answer)
            case "split":
                self._split(group, verdict)
                return None
            case "hold":
                self._account.held(verdict.detail)
            case "retry":
                pass
        self._account.retried(verdict.reason)
        if self._throttled >= _THROTTLED_BEFORE_HALVING and len(group.places) > 1:
            # A batch that is bigger than the burst that Loki allows could wait for ever.
            self._halve(group)
            self._throttled = 0
        return self._pause(answer, held=verdict.action == "hold")

    def _pause(self, answer: Answer, *, held: bool = False) -> Pause:
        now = datetime.fromtimestamp(_clock.time_ns() / 1e9, UTC)
        return Pause(retry_after(answer, now, self._spec.retry_after_most), held=held)

    def _split(self, group: _Group, verdict: Verdict) -> None:
        if len(group.places) > 1:
            self._halve(group)
            return
        self._groups.popleft()
        self._finish(group.places[0], Outcome("rejected", verdict.reason, verdict.detail))
        self._commit()

    def _halve(self, group: _Group) -> None:
        half = len(group.places) // 2
        self._groups.popleft()
        self._groups.extendleft(
            [group._replace(places=group.places[half:]), group._replace(places=group.places[:half])]
        )

    def _settle(self, group: _Group, outcomes: Sequence[Outcome], answer: Answer) -> Pause | None:
        self._groups.popleft()
        rest: dict[str, list[int]] = {"again": [], "replay": []}
        taken = 0
        for place, outcome in zip(group.places, outcomes, strict=True):
            if outcome.what in rest:
                rest[outcome.what].append(place)
            elif outcome.what == "acknowledged":
                self._owed[place] = False
                taken += 1
            else:
                self._finish(place, outcome)
        if taken:
            self._account.acknowledged(taken, _clock.time_ns())
        if rest["replay"]:
            self._groups.appendleft(_Group(rest["replay"], replay=True))
        if rest["again"]:
            self._groups.appendleft(_Group(rest["again"], group.replay))
            self._account.retried(next(outcome.reason for outcome in outcomes if outcome.what == "again"))
        self._commit()
        return self._pause(answer) if rest["again"] else None

    def _finish(self, place: int, outcome: Outcome) -> None:
        self._owed[place] = False
        self._letters.keep(self._batch.records[place], outcome.reason, outcome.detail)
        self._account.rejected(outcome.reason)

    def _commit(self) -> None:
        before = self._prefix
        while self._prefix < len(self._owed) and not self._owed[self._prefix]:
            self._prefix += 1
        if self._prefix > before:
            self._spool.commit(self._account.sink, self._batch.ends[self._prefix - 1])
