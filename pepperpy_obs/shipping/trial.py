"""What an answer means for a suspect: it is let go, rejected, or doubted more."""

from __future__ import annotations

from dataclasses import replace

from pepperpy_obs import _clock
from pepperpy_obs.shipping.dead_letter import DeadLetters
from pepperpy_obs.shipping.ledger import Account
from pepperpy_obs.shipping.poison import ReceiverHistory
from pepperpy_obs.shipping.results import RecordResult, SendResult
from pepperpy_obs.shipping.suspects import Suspect, Suspects

__all__ = ["Trial"]


class Trial:
    """Decides about the suspects of one sink, and keeps its books."""

    def __init__(self, suspects: Suspects, account: Account, letters: DeadLetters, history: ReceiverHistory) -> None:
        self._suspects = suspects
        self._account = account
        self._letters = letters
        self._history = history

    def decide(self, suspect: Suspect, send_result: SendResult) -> None:
        """Take the result of a request that had this suspect alone."""
        outcome = send_result.outcomes[0] if send_result.outcomes else self._outcome(send_result)
        match outcome.what:
            case "acknowledged":
                self._history.succeeded()
                self._suspects.remove(suspect)
                self._account.acknowledged(1, _clock.time_ns())
            case "rejected":
                self._reject(suspect, outcome)
            case "reduced" | "replay":
                suspect.reduced |= outcome.what == "reduced"
                suspect.replay |= outcome.what == "replay"
            case "again":
                self._again(suspect, outcome)

    def _outcome(self, send_result: SendResult) -> RecordResult:
        """Return what a result of all of a request means for its one record.

        A refusal is believed once the receiver has taken others; of one that never did, it may be for everything.
        """
        sure = send_result.action == "split" and not send_result.doubtful
        refused = sure or (send_result.action in {"split", "unknown"} and self._history.successes > 0)
        return RecordResult(
            "rejected" if refused else "again", send_result.reason, send_result.detail, send_result.doubtful
        )

    def _again(self, suspect: Suspect, outcome: RecordResult) -> None:
        """PoisonDetector a suspect more if the failure may be its own; others have to get through before it is due."""
        self._account.retried(outcome.reason)
        if not outcome.doubtful:
            suspect.detector = replace(suspect.detector, seen=self._history.successes)
            return
        suspect.detector = suspect.detector.failed(self._history)
        if suspect.detector.is_poison(self._history):
            self._reject(suspect, outcome)

    def _reject(self, suspect: Suspect, outcome: RecordResult) -> None:
        # The receiver is well.
        self._account.held("")
        self._account.letters_dropped(self._letters.keep(suspect.record, outcome.reason, outcome.detail))
        self._suspects.remove(suspect)
        self._account.rejected(outcome.reason)
