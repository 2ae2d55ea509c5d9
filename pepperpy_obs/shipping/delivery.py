"""What is on its way to one sink: which records go into the next request, and what became of those of the last.

When a request is made is `transport.persist`'s part, how far each cursor has come `leg`'s, and who is to blame for a
failure `doubt`'s.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from pepperpy_obs import _clock
from pepperpy_obs.shipping.dead_letter import DeadLetters
from pepperpy_obs.shipping.doubt import Doubt, Tally
from pepperpy_obs.shipping.ledger import Account
from pepperpy_obs.shipping.leg import Leg, commit
from pepperpy_obs.shipping.outcome import Answer, Outcome, Parcel, Request, Verdict, retry_after
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.transport import Pause, persist

__all__ = ["Delivery", "Poster"]

_THROTTLED_BEFORE_HALVING = 2
_DOUBTED_BEFORE_HALVING = 5


class Poster(Protocol):
    """Whoever makes the request."""

    def post(self, request: Request) -> Answer:
        """Return the answer, with status 0 when none came."""
        ...


@dataclass(eq=False, slots=True)
class _Group:
    """Places in a leg that go in one request."""

    leg: Leg
    places: Sequence[int]
    replay: bool = False
    doubt: Doubt | None = None


class Delivery:
    """The batches that a sink has taken and not answered for yet: one, or more while one record is under suspicion.

    `more` returns a further batch, if there is one.
    """

    def __init__(
        self,
        spec: SinkSpec,
        leg: Leg,
        *,
        account: Account,
        letters: DeadLetters,
        tally: Tally,
        more: Callable[[], Leg | None],
    ) -> None:
        self._spec = spec
        self._account = account
        self._letters = letters
        self._tally = tally
        self._more = more
        self._legs = [leg]
        self._groups = deque([_Group(leg, range(len(leg)))])
        self._suspects: deque[_Group] = deque()
        self._suspected = False
        self._throttled = 0
        self._sealed: tuple[_Group, Request] | None = None
        self._date()

    def run(self, poster: Poster, stop: threading.Event) -> bool:
        """Send until every record is settled; return False when `stop` was set before that.

        It may be called again after a False or an error, and goes on where it was.
        """
        while self._groups or self._suspects:
            if not persist(lambda: self._attempt(poster), self._spec, stop):
                return False
        return True

    def write_off(self) -> None:
        """Count as dropped what is neither settled nor on disk any more, once nothing will be sent."""
        if lost := sum(leg.lost for leg in self._legs):
            self._account.dropped("spool_full", lost)

    def _next(self) -> _Group:
        """Return what goes next: the oldest, but as long as there are suspects these in turn with it.

        When others have got through since a suspect failed, it goes at once; when only suspects are left, newer
        records go past them: without company nothing can be said of them.
        """
        if self._suspects and not self._groups and (leg := self._more()) is not None:
            self._legs.append(leg)
            self._groups.append(_Group(leg, range(len(leg))))
        suspect = self._suspects[0] if self._suspects else None
        if suspect is None or suspect.doubt is None:
            return self._groups[0]
        proving = suspect.doubt.seen < self._tally.successes
        self._suspected = not self._groups or proving or not self._suspected
        return suspect if self._suspected else self._groups[0]

    def _attempt(self, poster: Poster) -> Pause | None:
        group = self._next()
        parcel = Parcel([group.leg[place] for place in group.places], group.leg.instance, group.replay)
        try:
            request = self._seal(group, parcel)
        except Exception as error:
            return self._apply(group, Verdict("split", "unencodable", repr(error)), Answer(0))
        self._account.requested()
        answer = poster.post(request)
        try:
            verdict = self._spec.judge(parcel, answer)
        except (ValueError, TypeError, RecursionError) as error:
            verdict = Verdict("retry", "garbage", repr(error), doubtful=True)
        return self._apply(group, verdict, answer)

    def _seal(self, group: _Group, parcel: Parcel) -> Request:
        """Return the group's request; a retry repeats the very same bytes."""
        if self._sealed is None or self._sealed[0] is not group:
            self._sealed = (group, self._spec.encode(parcel))
        return self._sealed[1]

    def _apply(self, group: _Group, verdict: Verdict, answer: Answer) -> Pause | None:
        self._throttled = self._throttled + 1 if answer.status == 429 else 0
        if verdict.action == "split" and verdict.doubtful and len(group.places) == 1 and not self._tally.successes:
            # Whoever never took anything may refuse everything: a proxy, or a path that is none.
            verdict = replace(verdict, action="hold")
        match verdict.action:
            case "settle":
                return self._settle(group, verdict.outcomes, answer)
            case "split":
                self._split(group, verdict)
                return None
            case "hold" if group not in self._suspects:
                self._account.held(verdict.detail)
            case _:
                pass
        self._account.retried(verdict.reason)
        if verdict.doubtful and self._doubted(group, verdict):
            return None
        if self._throttled >= _THROTTLED_BEFORE_HALVING and len(group.places) > 1:
            # A batch that is bigger than the burst that Loki allows could wait for ever.
            self._halve(group)
            self._throttled = 0
        alone = group.doubt is not None and group.doubt.successes < self._tally.successes
        return self._pause(answer, held=verdict.action == "hold" and not alone)

    def _doubted(self, group: _Group, verdict: Verdict) -> bool:
        """Take note that a record of the group may be the cause; return whether it was found to be, and rejected."""
        doubt = group.doubt = (group.doubt or Doubt.begun(self._tally)).failed(self._tally)
        if len(group.places) > 1:
            if doubt.own >= _DOUBTED_BEFORE_HALVING:
                self._halve(group)
            return False
        if doubt.convicts(self._tally):
            # The receiver is well.
            self._account.held("")
            self._split(group, verdict)
            return True
        if doubt.own >= _DOUBTED_BEFORE_HALVING:
            self._remove(group)
            self._suspects.append(group)
        return False

    def _pause(self, answer: Answer, *, held: bool = False) -> Pause:
        now = datetime.fromtimestamp(_clock.time_ns() / 1e9, UTC)
        return Pause(retry_after(answer, now, self._spec.retry_after_most), held=held)

    def _remove(self, group: _Group) -> None:
        (self._suspects if group in self._suspects else self._groups).remove(group)

    def _split(self, group: _Group, verdict: Verdict) -> None:
        if len(group.places) > 1:
            self._halve(group)
            return
        self._remove(group)
        self._finish(group.leg, group.places[0], Outcome("rejected", verdict.reason, verdict.detail))
        self._commit()

    def _halve(self, group: _Group) -> None:
        half = len(group.places) // 2
        self._remove(group)
        self._groups.extendleft(
            [replace(group, places=group.places[half:]), replace(group, places=group.places[:half])]
        )

    def _settle(self, group: _Group, outcomes: Sequence[Outcome], answer: Answer) -> Pause | None:
        self._remove(group)
        rest: dict[str, list[int]] = {"again": [], "replay": [], "doubtful": []}
        taken = 0
        for place, outcome in zip(group.places, outcomes, strict=True):
            if outcome.what == "acknowledged":
                group.leg.settle(place)
                taken += 1
            elif outcome.what == "rejected":
                self._finish(group.leg, place, outcome)
            else:
                rest["doubtful" if outcome.doubtful else outcome.what].append(place)
        if taken:
            self._account.acknowledged(taken, _clock.time_ns())
        if sum(map(len, rest.values())) < len(outcomes):
            self._tally.successes += 1
        self._again(group, rest, outcomes)
        self._commit()
        return self._pause(answer) if rest["again"] or rest["doubtful"] else None

    def _again(self, group: _Group, rest: dict[str, list[int]], outcomes: Sequence[Outcome]) -> None:
        """Put back what was not settled, the oldest kind of it first."""
        again = next((outcome for outcome in outcomes if outcome.what == "again"), None)
        if again is not None:
            self._account.retried(again.reason)
        if rest["replay"]:
            self._groups.appendleft(_Group(group.leg, rest["replay"], replay=True))
        if rest["again"]:
            self._groups.appendleft(_Group(group.leg, rest["again"], group.replay))
        if rest["doubtful"]:
            found = _Group(group.leg, rest["doubtful"], group.replay, group.doubt)
            self._groups.appendleft(found)
            worst = next(outcome for outcome in outcomes if outcome.doubtful)
            self._doubted(found, Verdict("retry", worst.reason, worst.detail))

    def _finish(self, leg: Leg, place: int, outcome: Outcome) -> None:
        self._letters.keep(leg[place], outcome.reason, outcome.detail)
        leg.settle(place)
        self._account.rejected(outcome.reason)

    def _commit(self) -> None:
        self._legs = commit(self._legs, self._account.sink)
        self._date()

    def _date(self) -> None:
        """Say how old the oldest record is that is owed."""
        oldest = self._legs[0].oldest if self._legs else None
        self._account.oldest(oldest.at if oldest else None)
