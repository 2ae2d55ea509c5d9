"""Is it one record, or the whole sink? Told apart by what becomes of the others.

A record that crashes its receiver, or wakes a firewall, is answered like one that meets a receiver in trouble: 500,
403, a connection that breaks. The difference is in the company: a receiver in trouble fails for others, too. So a
record is to blame when it alone has failed again and again, each time after others had got through, so often that one
without fault would fail like that once in ten thousand times, at the rate at which the others fail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["PoisonDetector", "ReceiverHistory"]

_BY_CHANCE = 1e-4
_DOUBTS = 10
"""How much surer one has to be at most where others fail, too: ever surer would never end where all are poison."""


@dataclass(slots=True)
class ReceiverHistory:
    """How one sink has answered so far."""

    successes: int = 0
    """Requests of which it took something."""
    failures: int = 0
    """Requests that failed as one record could have made them fail."""
    unknown: int = 0
    """Records refused in unknown words, since the last success."""

    def succeeded(self) -> None:
        """Count a request of which it took something."""
        self.successes += 1
        self.unknown = 0


@dataclass(frozen=True, slots=True)
class PoisonDetector:
    """How a record, or those that it went with, failed since it first did."""

    successes: int
    failures: int
    """What the history said before."""
    own: int = 0
    """Failures of its own."""
    proven: int = 0
    """Those before which others had got through since the last."""
    seen: int = 0
    """The history's successes at the last."""

    @staticmethod
    def begun(history: ReceiverHistory) -> PoisonDetector:
        """Return the detector of a record that has not failed yet."""
        return PoisonDetector(history.successes, history.failures, seen=history.successes)

    def failed(self, history: ReceiverHistory) -> PoisonDetector:
        """Return the detector after one more failure, which the history learns of, too."""
        history.failures += 1
        proven = self.proven + (history.successes > self.seen)
        return replace(self, own=self.own + 1, proven=proven, seen=history.successes)

    def is_poison(self, history: ReceiverHistory) -> bool:
        """Tell whether chance hardly explains the failures.

        How often others fail is estimated by Laplace's rule, so that five proofs and no failure of others suffice.
        """
        others = history.failures - self.failures - self.own
        rate = (others + 1) / (history.successes - self.successes + others + 2)
        # The rate is known from few answers, and each of the others' failures might have led to a blame by chance, too.
        return rate**self.proven < _BY_CHANCE / min(1 + others, _DOUBTS)
