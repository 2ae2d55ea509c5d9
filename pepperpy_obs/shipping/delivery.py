"""What is on its way to one sink: which records go into the next request, and what became of those of the last.

When a request is made is `transport.persist`'s part, how far each cursor has come `in_flight`'s, which record is
to blame for a failure `poison`'s, and `sub_batch` has the records that go together.

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
from pepperpy_obs.shipping.in_flight import InFlightBatch, commit
from pepperpy_obs.shipping.ledger import Account
from pepperpy_obs.shipping.poison import PoisonDetector, ReceiverHistory
from pepperpy_obs.shipping.results import Answer, Payload, RecordResult, Request, SendResult, retry_after
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.sub_batch import SubBatch, divided, halves, regroup
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
        flight: InFlightBatch | None,
        *,
        account: Account,
        letters: DeadLetters,
        history: ReceiverHistory,
        suspects: Suspects,
        more: Callable[[], InFlightBatch | None],
        grown: threading.Event | None = None,
    ) -> None:
        self._spec = spec
        self._account = account
        self._letters = letters
        self._history = history
        self._suspects = suspects
        self._trial = Trial(suspects, account, letters, history)
        self._more = more
        self._grown = grown
        self._flights = [flight] if flight else []
        self._groups = deque([SubBatch(flight, range(len(flight)), detector=suspects.inherited())] if flight else [])
        self._throttled = 0
        self._more_at = history.successes
        self._sealed: tuple[SubBatch | Suspect, Request] | None = None
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
        return max((group.detector.own for group in self._groups if group.detector), default=0)

    def write_off(self) -> None:
        """Count as dropped what is neither settled nor on disk any more, once nothing will be sent."""
        if lost := sum(flight.lost for flight in self._flights):
            self._account.dropped("spool_full", lost)

    def _lonely(self) -> bool:
        """Tell whether all that is here has failed, and newer records may still be taken to say why.

        As many are taken as have got through before, and a few.
        """
        few = len(self._flights) < _MOST_LEGS or self._history.successes > self._more_at
        return few and self._all_tried()

    def _company(self) -> None:
        proving = any(one.detector and one.detector.seen < self._history.successes for one in self._groups)
        if proving or not self._lonely():
            return
        if self._grown:
            self._grown.clear()
        if (flight := self._more()) is not None:
            self._flights.append(flight)
            self._groups.appendleft(SubBatch(flight, range(len(flight))))
            self._more_at = self._history.successes

    def _attempt(self, poster: Poster) -> Pause | None:
        if (suspect := self._suspects.due()) is not None:
            self._try_suspect(suspect, poster)
            return None
        self._company()
        group = self._groups[0]
        records = [group.flight[place] for place in group.places]
        if len(parts := self._spec.partition(records)) > 1:
            self._put(group, *divided(group, parts))
            return None
        payload = Payload(records, group.flight.instance, group.replay, group.reduced)
        send_result, answer = self._send(group, payload, poster)
        return self._apply(group, send_result, answer)

    def _send(self, key: SubBatch | Suspect, payload: Payload, poster: Poster) -> tuple[SendResult, Answer]:
        """Make one request and judge its answer; a retry repeats the very same bytes."""
        try:
            if self._sealed is None or self._sealed[0] is not key:
                self._sealed = (key, self._spec.encode(payload))
        except Exception as error:
            return SendResult("split", "unencodable", repr(error)), Answer(0)
        self._account.requested()
        answer = poster.post(self._sealed[1])
        try:
            return self._spec.judge(payload, answer), answer
        except (ValueError, TypeError, RecursionError) as error:
            return SendResult("retry", "garbage", repr(error), doubtful=True), answer

    def _try_suspect(self, suspect: Suspect, poster: Poster) -> None:
        payload = Payload([suspect.record], suspect.instance, suspect.replay, suspect.reduced)
        # Its bytes differ from the last time's, where it has changed its shape.
        self._sealed = None
        send_result, _ = self._send(suspect, payload, poster)
        self._trial.decide(suspect, send_result)
        self._date()

    def _apply(self, group: SubBatch, send_result: SendResult, answer: Answer) -> Pause | None:
        self._throttled = self._throttled + 1 if answer.status == 429 else 0
        if (
            send_result.action == "split"
            and send_result.doubtful
            and len(group.places) == 1
            and not self._history.successes
        ):
            # A receiver that never took anything may refuse everything: a proxy, or a path that is none.
            send_result = replace(send_result, action="hold")
        match send_result.action:
            case "settle":
                return self._settle(group, send_result, answer)
            case "split":
                self._split(group, send_result)
                return None
            case "unknown":
                return self._unknown(group, send_result, answer)
            case "hold":
                self._account.held(send_result.detail)
            case "retry":
                pass
        self._account.retried(send_result.reason)
        if send_result.doubtful and self._doubted(group, send_result, answer.status):
            return None
        if self._throttled >= _THROTTLED_BEFORE_HALVING and len(group.places) > 1:
            # A batch that is bigger than the burst that Loki allows could wait for ever.
            self._put(group, *halves(group))
            self._throttled = 0
        early = send_result.doubtful and group.detector is not None and group.detector.own < _FAILED_BEFORE_HOLDING
        return self._pause(answer, held=send_result.action == "hold" and not early)

    def _doubted(self, group: SubBatch, send_result: SendResult, status: int) -> bool:
        """Take note that a record of the group may be the cause; return whether to go on without a pause."""
        detector = group.detector = (group.detector or PoisonDetector.begun(self._history)).failed(self._history)
        patience = _UNANSWERED_BEFORE_HALVING if status in _PASSING else _FAILED_BEFORE_HALVING
        proven = self._history.successes > detector.successes
        if detector.own < patience and not proven:
            return False
        group.tried = True
        if len(group.places) == 1:
            return self._doubted_alone(group, detector, send_result)
        if proven or (len(self._groups) < _MOST_GROUPS and self._all_tried()):
            self._put(group, *halves(group))
            return proven or len(self._groups) == 2
        self._groups.rotate(-1)
        return not self._all_tried()

    def _doubted_alone(self, group: SubBatch, detector: PoisonDetector, send_result: SendResult) -> bool:
        if detector.is_poison(self._history):
            # The receiver is well.
            self._account.held("")
            self._split(group, send_result)
            return True
        if detector.proven >= _PROVEN_BEFORE_ASIDE and self._put_aside(group, detector):
            return True
        self._groups.rotate(-1)
        return not self._all_tried()

    def _all_tried(self) -> bool:
        return all(one.tried for one in self._groups)

    def _put_aside(self, group: SubBatch, detector: PoisonDetector) -> bool:
        """Leave a record to the suspects, if they have room; the cursor moves past it."""
        record = group.flight[group.places[0]]
        if not self._suspects.add(Suspect(record, group.flight.instance, group.replay, group.reduced, detector)):
            return False
        self._put(group)
        group.flight.ack(group.places[0])
        self._release(group)
        self._commit()
        return True

    def _unknown(self, group: SubBatch, send_result: SendResult, answer: Answer) -> Pause | None:
        """Handle a refusal after which it is unknown what was taken: nothing of it is sent again, save one record.

        That one shows whether the receiver takes any. If so, the others are rejected and told of. If not, neither that
        one nor another, no event satisfies it: all are kept for a person, unless others get through meanwhile.
        """
        if len(group.places) > 1:
            places, others = group.places[-1:], group.places[:-1]
            self._put(group, replace(group, places=places, waiting=others, why=send_result.detail))
            return None
        group.strikes += 1
        group.why = send_result.detail
        if group.waiting and group.strikes == 1:
            others = [*group.waiting[1:], *group.places]
            self._put(group, replace(group, places=group.waiting[:1], waiting=others))
            return None
        detector = group.detector = (group.detector or PoisonDetector.begun(self._history)).failed(self._history)
        group.tried = True
        seldom = not group.waiting and self._history.successes and self._history.unknown < _MOST_UNKNOWN
        if self._history.successes > detector.successes or seldom:
            self._history.unknown += 1
            group.strikes = 0
            self._split(group, send_result)
            return None
        self._account.held(send_result.detail)
        self._account.retried(send_result.reason)
        self._groups.rotate(-1)
        return self._pause(answer, held=detector.own >= _FAILED_BEFORE_HOLDING)

    def _release(self, group: SubBatch) -> None:
        """Decide about those that waited for a group: they go on if all were refused before, else it is unknown."""
        if group.waiting and group.strikes > 1:
            self._groups.appendleft(SubBatch(group.flight, group.waiting, group.replay, group.reduced))
            return
        for place in group.waiting:
            self._finish(group.flight, place, RecordResult("rejected", _UNKNOWN, group.why))

    def _pause(self, answer: Answer, *, held: bool = False) -> Pause:
        now = datetime.fromtimestamp(_clock.time_ns() / 1e9, UTC)
        return Pause(retry_after(answer, now, self._spec.retry_after_most), held=held)

    def _put(self, group: SubBatch, *others: SubBatch) -> None:
        """Replace a group, in front of all."""
        self._groups.remove(group)
        self._groups.extendleft(reversed(others))

    def _split(self, group: SubBatch, send_result: SendResult) -> None:
        if len(group.places) > 1:
            self._put(group, *halves(group))
            return
        self._put(group)
        self._finish(group.flight, group.places[0], RecordResult("rejected", send_result.reason, send_result.detail))
        self._release(group)
        self._commit()

    def _settle(self, group: SubBatch, send_result: SendResult, answer: Answer) -> Pause | None:
        rest = regroup(group, send_result.outcomes)
        self._put(group, *rest)
        taken = 0
        for place, outcome in zip(group.places, send_result.outcomes, strict=True):
            if outcome.what == "acknowledged":
                group.flight.ack(place)
                taken += 1
            elif outcome.what == "rejected":
                self._finish(group.flight, place, outcome)
        if taken:
            self._account.acknowledged(taken, _clock.time_ns())
        if sum(len(one.places) for one in rest) < len(send_result.outcomes):
            self._history.succeeded()
        if send_result.detail:
            self._account.held(send_result.detail)
        self._release(group)
        pause = self._left(send_result, rest, answer)
        self._commit()
        return pause

    def _left(self, send_result: SendResult, rest: Sequence[SubBatch], answer: Answer) -> Pause | None:
        """Take note of what was not settled; return the pause before it goes again."""
        for outcome in {
            outcome.what: outcome for outcome in send_result.outcomes if outcome.what in _OTHERWISE
        }.values():
            self._account.retried(outcome.reason)
        if all(outcome.what != "again" for outcome in send_result.outcomes):
            return None
        worst = next((outcome for outcome in send_result.outcomes if outcome.doubtful), None)
        # The doubtful are the first.
        if worst is not None and self._doubted(rest[0], SendResult("retry", worst.reason, worst.detail), 0):
            return None
        return self._pause(answer, held=bool(send_result.detail))

    def _finish(self, flight: InFlightBatch, place: int, outcome: RecordResult) -> None:
        self._account.letters_dropped(self._letters.keep(flight[place], outcome.reason, outcome.detail))
        flight.ack(place)
        self._account.rejected(outcome.reason)

    def _commit(self) -> None:
        self._flights = commit(self._flights, self._account.sink)
        self._date()

    def _date(self) -> None:
        """Say how old the oldest record is that is owed."""
        oldest = [suspect.record.at for suspect in self._suspects]
        if self._flights and (record := self._flights[0].oldest):
            oldest.append(record.at)
        self._account.oldest(min(oldest, default=None))
