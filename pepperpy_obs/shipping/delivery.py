"""What is on its way to one sink: which records go into the next request, and what became of those of the last.

When a request is made is `transport.persist`'s part, how far each cursor has come `leg`'s, which record is to blame for
a failure `doubt`'s, and `group` has the records that go together.

A batch that fails as one of its records could make it fail is halved, and each half tried. Once one has got through,
the other is halved at once until what fails stands alone, and that is put aside with the suspects, so that all others
go on. While nothing gets through, nothing is to blame: then a few groups are tried in turn, with pauses.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Protocol

from pepperpy_obs import _clock
from pepperpy_obs.shipping.dead_letter import DeadLetters
from pepperpy_obs.shipping.doubt import Doubt, Tally
from pepperpy_obs.shipping.group import Group, divided, halves, regroup
from pepperpy_obs.shipping.ledger import Account
from pepperpy_obs.shipping.leg import Leg, commit
from pepperpy_obs.shipping.outcome import Answer, Outcome, Parcel, Request, Verdict, retry_after
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.suspects import Suspect, Suspects
from pepperpy_obs.shipping.transport import Pause, persist
from pepperpy_obs.shipping.trial import Trial

__all__ = ["Delivery", "Poster"]

_THROTTLED_BEFORE_HALVING: Final = 2
_PROVEN_BEFORE_ASIDE: Final = 1
_FAILED_BEFORE_HALVING: Final = 2
_UNANSWERED_BEFORE_HALVING: Final = 5
_PASSING: Final = frozenset({0, 408, 499, 502, 503, 504})
"""What networks and gateways answer for a while: the same bytes are tried a few times more."""
_FAILED_BEFORE_HOLDING: Final = 5
_MOST_GROUPS: Final = 8
_MOST_LEGS: Final = 4
_MOST_UNKNOWN: Final = 3
_UNKNOWN: Final = "unknown_answer"
_OTHERWISE: Final = frozenset({"again", "replay", "reduced"})


class Poster(Protocol):
    """Makes the requests."""

    def post(self, request: Request) -> Answer:
        """Return the answer, with status 0 when none came."""
        ...


class Delivery:
    """The batches that a sink has taken and not answered for yet: one, or more while others are needed as company.

    `more` returns a further batch, if there is one; `grown` is set when there may be.
    """

    def __init__(
        self,
        spec: SinkSpec,
        leg: Leg | None,
        *,
        account: Account,
        letters: DeadLetters,
        tally: Tally,
        suspects: Suspects,
        more: Callable[[], Leg | None],
        grown: threading.Event | None = None,
    ) -> None:
        self._spec = spec
        self._account = account
        self._letters = letters
        self._tally = tally
        self._suspects = suspects
        self._trial = Trial(suspects, account, letters, tally)
        self._more = more
        self._grown = grown
        self._legs = [leg] if leg else []
        self._groups = deque([Group(leg, range(len(leg)), doubt=suspects.inherited())] if leg else [])
        self._throttled = 0
        self._more_at = tally.successes
        self._sealed: tuple[Group | Suspect, Request] | None = None
        self._date()

    def run(self, poster: Poster, stop: threading.Event) -> bool:
        """Send until every record is settled or put aside; return False when `stop` was set before that.

        It may be called again after a False or an error, and goes on where it was.
        """

        def sleep(seconds: float) -> None:
            # Company ends the pause.
            (self._grown if self._grown and self._lonely() else stop).wait(seconds)

        while self._groups or self._suspects.due():
            if not persist(lambda: self._attempt(poster), self._spec, stop, sleep):
                return False
        return True

    def ask(self, poster: Poster) -> None:
        """Try each suspect once more, when there is nothing else to send."""
        for suspect in self._suspects:
            self._try_suspect(suspect, poster)

    def doubts(self) -> int:
        """Return how often what is left has failed as one of its records could make it fail."""
        return max((group.doubt.own for group in self._groups if group.doubt), default=0)

    def write_off(self) -> None:
        """Count as dropped what is neither settled nor on disk any more, once nothing will be sent."""
        if lost := sum(leg.lost for leg in self._legs):
            self._account.dropped("spool_full", lost)

    def _lonely(self) -> bool:
        """Tell whether all that is here has failed, and newer records may still be taken to say why.

        As many are taken as have got through before, and a few.
        """
        few = len(self._legs) < _MOST_LEGS or self._tally.successes > self._more_at
        return few and self._all_tried()

    def _company(self) -> None:
        proving = any(one.doubt and one.doubt.seen < self._tally.successes for one in self._groups)
        if proving or not self._lonely():
            return
        if self._grown:
            self._grown.clear()
        if (leg := self._more()) is not None:
            self._legs.append(leg)
            self._groups.appendleft(Group(leg, range(len(leg))))
            self._more_at = self._tally.successes

    def _attempt(self, poster: Poster) -> Pause | None:
        if (suspect := self._suspects.due()) is not None:
            self._try_suspect(suspect, poster)
            return None
        self._company()
        group = self._groups[0]
        records = [group.leg[place] for place in group.places]
        if len(parts := self._spec.partition(records)) > 1:
            self._put(group, *divided(group, parts))
            return None
        parcel = Parcel(records, group.leg.instance, group.replay, group.reduced)
        verdict, answer = self._send(group, parcel, poster)
        return self._apply(group, verdict, answer)

    def _send(self, key: Group | Suspect, parcel: Parcel, poster: Poster) -> tuple[Verdict, Answer]:
        """Make one request and judge its answer; a retry repeats the very same bytes."""
        try:
            if self._sealed is None or self._sealed[0] is not key:
                self._sealed = (key, self._spec.encode(parcel))
        except Exception as error:
            return Verdict("split", "unencodable", repr(error)), Answer(0)
        self._account.requested()
        answer = poster.post(self._sealed[1])
        try:
            return self._spec.judge(parcel, answer), answer
        except (ValueError, TypeError, RecursionError) as error:
            return Verdict("retry", "garbage", repr(error), doubtful=True), answer

    def _try_suspect(self, suspect: Suspect, poster: Poster) -> None:
        parcel = Parcel([suspect.record], suspect.instance, suspect.replay, suspect.reduced)
        # Its bytes differ from the last time's, where it has changed its shape.
        self._sealed = None
        verdict, _ = self._send(suspect, parcel, poster)
        self._trial.decide(suspect, verdict)
        self._date()

    def _apply(self, group: Group, verdict: Verdict, answer: Answer) -> Pause | None:
        self._throttled = self._throttled + 1 if answer.status == 429 else 0
        if verdict.action == "split" and verdict.doubtful and len(group.places) == 1 and not self._tally.successes:
            # A receiver that never took anything may refuse everything: a proxy, or a path that is none.
            verdict = replace(verdict, action="hold")
        match verdict.action:
            case "settle":
                return self._settle(group, verdict, answer)
            case "split":
                self._split(group, verdict)
                return None
            case "unknown":
                return self._unknown(group, verdict, answer)
            case "hold":
                self._account.held(verdict.detail)
            case "retry":
                pass
        self._account.retried(verdict.reason)
        if verdict.doubtful and self._doubted(group, verdict, answer.status):
            return None
        if self._throttled >= _THROTTLED_BEFORE_HALVING and len(group.places) > 1:
            # A batch that is bigger than the burst that Loki allows could wait for ever.
            self._put(group, *halves(group))
            self._throttled = 0
        early = verdict.doubtful and group.doubt is not None and group.doubt.own < _FAILED_BEFORE_HOLDING
        return self._pause(answer, held=verdict.action == "hold" and not early)

    def _doubted(self, group: Group, verdict: Verdict, status: int) -> bool:
        """Take note that a record of the group may be the cause; return whether to go on without a pause."""
        doubt = group.doubt = (group.doubt or Doubt.begun(self._tally)).failed(self._tally)
        patience = _UNANSWERED_BEFORE_HALVING if status in _PASSING else _FAILED_BEFORE_HALVING
        proven = self._tally.successes > doubt.successes
        if doubt.own < patience and not proven:
            return False
        group.tried = True
        if len(group.places) == 1:
            return self._doubted_alone(group, doubt, verdict)
        if proven or (len(self._groups) < _MOST_GROUPS and self._all_tried()):
            self._put(group, *halves(group))
            return proven or len(self._groups) == 2
        self._groups.rotate(-1)
        return not self._all_tried()

    def _doubted_alone(self, group: Group, doubt: Doubt, verdict: Verdict) -> bool:
        if doubt.convicts(self._tally):
            # The receiver is well.
            self._account.held("")
            self._split(group, verdict)
            return True
        if doubt.proven >= _PROVEN_BEFORE_ASIDE and self._put_aside(group, doubt):
            return True
        self._groups.rotate(-1)
        return not self._all_tried()

    def _all_tried(self) -> bool:
        return all(one.tried for one in self._groups)

    def _put_aside(self, group: Group, doubt: Doubt) -> bool:
        """Leave a record to the suspects, if they have room; the cursor moves past it."""
        record = group.leg[group.places[0]]
        if not self._suspects.add(Suspect(record, group.leg.instance, group.replay, group.reduced, doubt)):
            return False
        self._put(group)
        group.leg.settle(group.places[0])
        self._release(group)
        self._commit()
        return True

    def _unknown(self, group: Group, verdict: Verdict, answer: Answer) -> Pause | None:
        """Handle a refusal after which it is unknown what was taken: nothing of it is sent again, save one record.

        That one shows whether the receiver takes any. If so, the others are rejected and told of. If not, neither that
        one nor another, no event satisfies it: all are kept for a person, unless others get through meanwhile.
        """
        if len(group.places) > 1:
            places, others = group.places[-1:], group.places[:-1]
            self._put(group, replace(group, places=places, waiting=others, why=verdict.detail))
            return None
        group.strikes += 1
        group.why = verdict.detail
        if group.waiting and group.strikes == 1:
            others = [*group.waiting[1:], *group.places]
            self._put(group, replace(group, places=group.waiting[:1], waiting=others))
            return None
        doubt = group.doubt = (group.doubt or Doubt.begun(self._tally)).failed(self._tally)
        group.tried = True
        seldom = not group.waiting and self._tally.successes and self._tally.unknown < _MOST_UNKNOWN
        if self._tally.successes > doubt.successes or seldom:
            self._tally.unknown += 1
            group.strikes = 0
            self._split(group, verdict)
            return None
        self._account.held(verdict.detail)
        self._account.retried(verdict.reason)
        self._groups.rotate(-1)
        return self._pause(answer, held=doubt.own >= _FAILED_BEFORE_HOLDING)

    def _release(self, group: Group) -> None:
        """Decide about those that waited for a group: they go on if all were refused before, else it is unknown."""
        if group.waiting and group.strikes > 1:
            self._groups.appendleft(Group(group.leg, group.waiting, group.replay, group.reduced))
            return
        for place in group.waiting:
            self._finish(group.leg, place, Outcome("rejected", _UNKNOWN, group.why))

    def _pause(self, answer: Answer, *, held: bool = False) -> Pause:
        now = datetime.fromtimestamp(_clock.time_ns() / 1e9, UTC)
        return Pause(retry_after(answer, now, self._spec.retry_after_most), held=held)

    def _put(self, group: Group, *others: Group) -> None:
        """Replace a group, in front of all."""
        self._groups.remove(group)
        self._groups.extendleft(reversed(others))

    def _split(self, group: Group, verdict: Verdict) -> None:
        if len(group.places) > 1:
            self._put(group, *halves(group))
            return
        self._put(group)
        self._finish(group.leg, group.places[0], Outcome("rejected", verdict.reason, verdict.detail))
        self._release(group)
        self._commit()

    def _settle(self, group: Group, verdict: Verdict, answer: Answer) -> Pause | None:
        rest = regroup(group, verdict.outcomes)
        self._put(group, *rest)
        taken = 0
        for place, outcome in zip(group.places, verdict.outcomes, strict=True):
            if outcome.what == "acknowledged":
                group.leg.settle(place)
                taken += 1
            elif outcome.what == "rejected":
                self._finish(group.leg, place, outcome)
        if taken:
            self._account.acknowledged(taken, _clock.time_ns())
        if sum(len(one.places) for one in rest) < len(verdict.outcomes):
            self._tally.succeeded()
        if verdict.detail:
            self._account.held(verdict.detail)
        self._release(group)
        pause = self._left(verdict, rest, answer)
        self._commit()
        return pause

    def _left(self, verdict: Verdict, rest: Sequence[Group], answer: Answer) -> Pause | None:
        """Take note of what was not settled; return the pause before it goes again."""
        for outcome in {outcome.what: outcome for outcome in verdict.outcomes if outcome.what in _OTHERWISE}.values():
            self._account.retried(outcome.reason)
        if all(outcome.what != "again" for outcome in verdict.outcomes):
            return None
        worst = next((outcome for outcome in verdict.outcomes if outcome.doubtful), None)
        # The doubtful are the first.
        if worst is not None and self._doubted(rest[0], Verdict("retry", worst.reason, worst.detail), 0):
            return None
        return self._pause(answer, held=bool(verdict.detail))

    def _finish(self, leg: Leg, place: int, outcome: Outcome) -> None:
        self._account.letters_dropped(self._letters.keep(leg[place], outcome.reason, outcome.detail))
        leg.settle(place)
        self._account.rejected(outcome.reason)

    def _commit(self) -> None:
        self._legs = commit(self._legs, self._account.sink)
        self._date()

    def _date(self) -> None:
        """Say how old the oldest record is that is owed."""
        oldest = [suspect.record.at for suspect in self._suspects]
        if self._legs and (record := self._legs[0].oldest):
            oldest.append(record.at)
        self._account.oldest(min(oldest, default=None))
