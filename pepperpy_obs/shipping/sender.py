"""One thread for one sink: strictly in order, one request in flight, for as long as the process lives.

It goes through the spools that earlier processes left behind, then through its own.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

from pepperpy_obs._guard import failed
from pepperpy_obs.shipping import dead_letter
from pepperpy_obs.shipping.dead_letter import DeadLetters
from pepperpy_obs.shipping.delivery import Delivery
from pepperpy_obs.shipping.in_flight import InFlightBatch, Source
from pepperpy_obs.shipping.ledger import Account
from pepperpy_obs.shipping.poison import ReceiverHistory
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.spool import Batch, Spool
from pepperpy_obs.shipping.suspects import SUFFIX, Suspects
from pepperpy_obs.shipping.transport import Transport

__all__ = ["Sender"]

_AFTER_A_FAILURE = 1.0


class Sender:
    """Takes, delivers and commits; `sources` are in the order in which they are to be emptied, our own last."""

    def __init__(
        self,
        spec: SinkSpec,
        sources: Sequence[Source],
        account: Account,
        *,
        dead_letter_bytes: int,
        emptied: Callable[[Spool], None],
        progressed: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.account = account
        self._sources = list(sources)
        self._emptied = emptied
        self._progressed = progressed
        self._letters = DeadLetters(
            sources[-1].spool.spool_directory.path / f"{spec.name}{dead_letter.SUFFIX}", dead_letter_bytes
        )
        self._transport = Transport(spec)
        self._history = ReceiverHistory()
        path, *others = [one.spool.spool_directory.path / f"{spec.name}{SUFFIX}" for one in reversed(sources)]
        self._suspects = Suspects(path, self._history, others)
        self._asked = 0
        self._delivery: Delivery | None = None
        self._grown = threading.Event()
        self._hurry = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pepperpy_obs-{spec.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is more to send."""
        self._grown.set()

    def hurry(self) -> None:
        """Send what there is, without waiting for a full batch, from now on until `relax`."""
        self._hurry.set()
        self._grown.set()

    def relax(self) -> None:
        """Wait for full batches again."""
        self._hurry.clear()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except Exception as error:
                failed("shipping.sender", error)
                self._stop.wait(_AFTER_A_FAILURE)

    def _step(self) -> None:
        if self._delivery is None:
            self._grown.clear()
            source = self._source()
            batch = self._take(source.spool)
            if not batch.records:
                self._idle()
                return
            self._asked = 0
            self._delivery = self._deliver(InFlightBatch(source, batch))
        if self._delivery.run(self._transport, self._stop):
            self._delivery = None
            self._progressed()

    def _deliver(self, flight: InFlightBatch | None) -> Delivery:
        return Delivery(
            self.spec,
            flight,
            account=self.account,
            letters=self._letters,
            history=self._history,
            suspects=self._suspects,
            more=self._more,
            grown=self._grown,
        )

    def _idle(self) -> None:
        """Wait for records; suspects are tried now and then: one without company may be without fault."""
        if not self._suspects:
            self._grown.wait()
            return
        patience = min(self.spec.retry_most, self.spec.retry_first * 2.0**self._asked)
        if not self._grown.wait(random.uniform(0, patience)):  # noqa: S311
            self._asked = min(self._asked + 1, 30)
            self._deliver(None).ask(self._transport)
            self._progressed()

    @property
    def suspected(self) -> int:
        """How many records are put aside."""
        return len(self._suspects)

    def _source(self) -> Source:
        while len(self._sources) > 1 and not self._sources[0].spool.owes(self.spec.name):
            self._emptied(self._sources.pop(0).spool)
        return self._sources[0]

    def _more(self) -> InFlightBatch | None:
        """Take what is there beside a delivery that goes on; its spools stay, empty or not."""
        name = self.spec.name
        source = next((source for source in self._sources if source.spool.owes(name)), None)
        batch = source.spool.take(name, self.spec.batch_bytes, self.spec.batch_records) if source else None
        return InFlightBatch(source, batch) if source and batch and batch.records else None

    def _take(self, spool: Spool) -> Batch:
        """Take a batch; one that is not full waits `linger` for more, unless it has to hurry."""
        few = spool.pending(self.spec.name) < self.spec.batch_records
        if few and spool.pending(self.spec.name) and self.spec.linger:
            self._hurry.wait(self.spec.linger)
        return spool.take(self.spec.name, self.spec.batch_bytes, self.spec.batch_records)

    def stop(self) -> None:
        """Ask it to end: a pause ends at once, a request in flight is given up."""
        self._stop.set()
        self._grown.set()
        self._hurry.set()
        self._transport.abort()

    def join(self, timeout: float) -> bool:
        """Wait for its end and return whether it came."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        self._transport.close()
        self._suspects.save(self._delivery.doubts() if self._delivery else 0)
        if self._delivery is not None:
            self._delivery.write_off()
        return True
