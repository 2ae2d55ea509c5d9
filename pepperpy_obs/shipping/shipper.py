"""Events to several receivers, so that an outage of any of them loses nothing.

From `offer` on an event is in memory; a moment later it is on disk; it leaves the disk when every sink has answered
for it. What could not be sent before the end waits for the next start of whatever process finds it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs.errors import SetupError
from pepperpy_obs.readings import DeliveryStats
from pepperpy_obs.shipping import spool_directories
from pepperpy_obs.shipping.header import parse_header
from pepperpy_obs.shipping.in_flight import Source
from pepperpy_obs.shipping.ledger import Account
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.sender import Sender
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.spool import Bounds, Spool
from pepperpy_obs.shipping.write_queue import Fsync, WriteQueue

__all__ = ["Shipper"]

_KEPT = 0.5
"""Of the time for the end, so many seconds, and at most half, are kept for ending requests that hang."""


class Shipper:
    """Keeps events in `directory` until each of the sinks has answered for them.

    Every process has a numbered, locked directory of its own in there; what processes that are gone left is sent
    first. Safe to offer to from any thread.

    Raises:
        SetupError: Two sinks have one name, a bound is too small, a certificate cannot be read, or the directory
            cannot be written.
    """

    def __init__(
        self,
        sinks: Sequence[SinkSpec],
        directory: Path,
        *,
        bounds: Bounds | None = None,
        queue_bytes: int = 8 * 1024 * 1024,
        fsync: Fsync = "interval",
        fsync_interval: float = 0.2,
        instance: str | None = None,
        dead_letter_bytes: int = 16 * 1024 * 1024,
    ) -> None:
        self._sinks = tuple(sinks)
        self.directory = Path(directory)
        self._bounds = bounds or Bounds()
        self._queue_bytes = queue_bytes
        self._fsync: Fsync = fsync
        self._fsync_interval = fsync_interval
        self._instance = instance or socket.gethostname()
        self._dead_letter_bytes = dead_letter_bytes
        self._check()
        self._closed = False
        self.ended = False
        self._books()
        self._open()

    def _check(self) -> None:
        names = [sink.name for sink in self._sinks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not names:
            msg = f"the sinks are named {names!r}: give at least one, and each a name of its own"
            raise SetupError(msg)
        if self._bounds.max_bytes < 2 * self._bounds.segment_bytes:
            msg = f"a spool of {self._bounds.max_bytes} bytes is too small: give at least 2 segments' bytes"
            raise SetupError(msg)

    def _books(self) -> None:
        self._accounts = {sink.name: Account(sink.name) for sink in self._sinks}
        self._lock = threading.Lock()
        self._moved = threading.Condition()
        self._spools: list[Spool] = []
        self._senders: list[Sender] = []
        self._write_queue: WriteQueue | None = None
        self._running = False

    def _reopen(self) -> None:
        """Begin in a forked child."""
        with self._lock:
            if self._write_queue is None and not self._closed:
                try:
                    self._open()
                except (SetupError, OSError) as error:
                    failed("shipping.fork", error)
                    self._closed = True

    def _open(self) -> None:
        own = self._own()
        adopted = self._adopt()
        self._spools = [*adopted, own]
        sources = [Source(spool, f"{self._instance}-{spool.spool_directory.number}") for spool in self._spools]
        for name, account in self._accounts.items():
            account.accepted(sum(spool.pending(name) for spool in self._spools))
        self._holders = {spool: len(self._sinks) for spool in adopted}
        try:
            self._senders = [
                Sender(
                    sink,
                    sources,
                    self._accounts[sink.name],
                    dead_letter_bytes=self._dead_letter_bytes,
                    emptied=self._emptied,
                    progressed=self._progressed,
                )
                for sink in self._sinks
            ]
        except SetupError:
            self._abandon()
            raise
        for sender in self._senders:
            sender.account.accepted(sender.suspected)
        self._write_queue = WriteQueue(
            own, self._wake, max_bytes=self._queue_bytes, fsync=self._fsync, fsync_interval=self._fsync_interval
        )
        self._running = self._start(self._write_queue)

    def _start(self, write_queue: WriteQueue) -> bool:
        """Start the threads; return whether they run.

        From Python 3.12 on no thread starts while the interpreter ends, which is when a short-lived forked child may
        make its first offer: `close` puts that on disk.
        """
        try:
            write_queue.start()
            for sender in self._senders:
                sender.start()
        except RuntimeError as error:
            if "interpreter shutdown" not in str(error):
                failed("shipping.threads", error)
            return False
        return True

    def _own(self) -> Spool:
        """Open the first directory of the spool that is free and whose files are ours.

        Raises:
            SetupError: None can be opened; on a disk that fails the next directory would fail as well.
        """
        start = 0
        while True:
            spool_directory = spool_directories.take(self.directory, start)
            try:
                return Spool(spool_directory, self._accounts, self._drop, self._bounds)
            except OSError as error:
                spool_directory.release()
                if not spool_directories.is_odd(error):
                    raise spool_directories.unusable(self.directory, error) from error
                spool_directories.passed_over(spool_directory.path, error)
                start = spool_directory.number + 1

    def _adopt(self) -> list[Spool]:
        """Open what processes that are gone left; a directory that cannot be read is left alone."""
        adopted: list[Spool] = []
        for spool_directory in spool_directories.orphans(self.directory):
            try:
                adopted.append(Spool(spool_directory, (), self._drop, self._bounds))
            except OSError as error:
                spool_directories.passed_over(spool_directory.path, error)
                spool_directory.release()
        return adopted

    def offer(self, records: Sequence[Record]) -> None:
        """Take records: into memory only, a lock and a list; what does not fit there is dropped and counted."""
        if not records:
            return
        if self._write_queue is None:
            self._reopen()
        for account in self._accounts.values():
            account.accepted(len(records))
        if refused := "closed" if self._closed or self._write_queue is None else self._write_queue.offer(records):
            for account in self._accounts.values():
                account.dropped(refused, len(records))

    def write(self, lines: list[bytes]) -> None:
        """Take rendered events, each a line of JSON: so it can stand at the end of a chain as a sink."""
        self.offer([parse_header(line) for piece in lines for line in piece.split(b"\n") if line])

    def sync(self, timeout: float) -> bool:
        """Wait until what was offered before is on disk; from then on a kill of the process cannot lose it."""
        return self._write_queue is None or self._write_queue.sync(timeout)

    def flush(self, timeout: float) -> bool:
        """Wait until every sink has answered for all it was offered; return whether all have."""
        return self._finish(timeout, self._settled)

    def _finish(self, timeout: float, done: Callable[[], bool] | None = None) -> bool:
        """Send all, and wait until that is `done`: if not given, until nothing is left but what is put aside."""
        left = _clock.countdown(timeout)
        for sender in self._senders:
            sender.hurry()
        self.sync(timeout)
        with self._moved:
            found = self._moved.wait_for(done or self._sent, left())
        for sender in self._senders:
            sender.relax()
        return found

    def _progressed(self) -> None:
        with self._moved:
            self._moved.notify_all()

    def _settled(self) -> bool:
        return all(account.pending == 0 for account in self._accounts.values())

    def _sent(self) -> bool:
        """Tell whether nothing is left but suspects, which only the next process's company can clear."""
        return all(sender.account.pending <= sender.suspected for sender in self._senders)

    def close(self, timeout: float = 2.0) -> None:
        """Take no more, put all on disk, send what can be sent in time, and end; a second call does nothing.

        It takes `timeout` seconds at most, whatever disk and network do. `ended` says whether all threads did.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        left, kept = _clock.countdown(timeout), min(_KEPT, timeout / 2)
        written = self._write_queue is None or self._write_queue.close(timeout - kept)
        if written and self._running:
            self._finish(max(0.0, left() - kept))
        for sender in self._senders:
            sender.stop()
        ended = [sender.join(left()) for sender in self._senders]
        if written and all(ended):
            self._release(self._spools)
            self.ended = True
        # A thread that hangs in the disk or in a name server still uses the files: they stay open, and locked.

    def ledgers(self) -> Mapping[str, DeliveryStats]:
        """Return the books of every sink, by its name."""
        held = sum(spool.held for spool in self._spools)
        return {name: account.ledger(held) for name, account in self._accounts.items()}

    def after_fork(self) -> None:
        """Begin anew in a forked child: empty books, and with the first offer a directory and threads of its own.

        What was in memory at the fork is the parent's, and the parent sends it. A child that records nothing, as most
        of a pool's do, costs nothing.
        """
        self._abandon()
        self._books()

    def _abandon(self) -> None:
        for spool in self._spools:
            spool.abandon()

    def _drop(self, sink: str, reason: str, count: int) -> None:
        if (account := self._accounts.get(sink)) is not None:
            # Of a batch that was answered in part, some are acknowledged and none is behind the cursor yet.
            account.dropped(reason, min(count, account.pending))

    def _wake(self) -> None:
        for sender in self._senders:
            sender.wake()

    def _emptied(self, spool: Spool) -> None:
        """Give an adopted directory up once every sink has passed it."""
        with self._lock:
            self._holders[spool] -= 1
            if self._holders[spool] == 0 and not self._closed:
                self._spools.remove(spool)
                self._release([spool])

    def _release(self, spools: Sequence[Spool]) -> None:
        for spool in spools:
            try:
                spool.close()
            except OSError as error:
                failed("shipping.spool", error)
