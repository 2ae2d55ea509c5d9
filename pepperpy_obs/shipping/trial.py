"""What an answer means for a suspect: it is let go, rejected, or doubted more."""

from __future__ import annotations

from dataclasses import replace

from pepperpy_obs import _clock
from pepperpy_obs.shipping.dead_letter import DeadLetters
from pepperpy_obs.shipping.doubt import Tally
from pepperpy_obs.shipping.ledger import Account
from pepperpy_obs.shipping.outcome import Outcome, Verdict
from pepperpy_obs.shipping.suspects import Suspect, Suspects

__all__ = ["Trial"]


class Trial:
    """Decides about the suspects of one sink, and keeps its books."""

    def __init__(self, suspects: Suspects, account: Account, letters: DeadLetters, tally: Tally) -> None:
        self._suspects = suspects
        self._account = account
        self._letters = letters
        self._tally = tally

    def decide(self, suspect: Suspect, verdict: Verdict) -> None:
        """Take the verdict on a request that had this suspect alone."""
        outcome = verdict.outcomes[0] if verdict.outcomes else self._outcome(verdict)
        match outcome.what:
            case "acknowledged":
                self._tally.succeeded()
                self._suspects.remove(suspect)
                self._account.acknowledged(1, _clock.time_ns())
            case "rejected":
                self._reject(suspect, outcome)
            case "reduced" | "replay":
                suspect.reduced |= outcome.what == "reduced"
                suspect.replay |= outcome.what == "replay"
            case "again":
                self._again(suspect, outcome)

    def _outcome(self, verdict: Verdict) -> Outcome:
        """Return what a verdict on all of a request means for its one record.

        A refusal is believed once the receiver has taken others; of one that never did, it may be for everything.
        """
        sure = verdict.action == "split" and not verdict.doubtful
        refused = sure or (verdict.action in {"split", "unknown"} and self._tally.successes > 0)
        return Outcome("rejected" if refused else "again", verdict.reason, verdict.detail, verdict.doubtful)

    def _again(self, suspect: Suspect, outcome: Outcome) -> None:
        """Doubt a suspect more if the failure may be its own; others have to get through before it is due."""
        self._account.retried(outcome.reason)
        if not outcome.doubtful:
            suspect.doubt = replace(suspect.doubt, seen=self._tally.successes)
            return
        suspect.doubt = suspect.doubt.failed(self._tally)
        if suspect.doubt.convicts(self._tally):
            self._reject(suspect, outcome)

    def _reject(self, suspect: Suspect, outcome: Outcome) -> None:
        # The receiver is well.
        self._account.held("")
        self._account.letters_dropped(self._letters.keep(suspect.record, outcome.reason, outcome.detail))
        self._suspects.remove(suspect)
        self._account.rejected(outcome.reason)
