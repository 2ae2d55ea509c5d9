from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pepperpy_obs import _guard
from pepperpy_obs.shipping import spool_directories
from pepperpy_obs.shipping.record import Record, frames
from pepperpy_obs.shipping.segment import FileSegment
from pepperpy_obs.shipping.spool import Bounds, Spool

WIDE = Bounds(max_bytes=10**9)
NARROW = Bounds(max_bytes=2000, segment_bytes=500, memory_bytes=800)


def record(number: int) -> Record:
    """Return record number `number`, 60 bytes as a frame."""
    return Record(number, f"{number:04d}", b'{"event":"test","filler":"%014d"}' % number)


class Losses:
    """Counts what a spool tells of."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def __call__(self, sink: str, reason: str, count: int) -> None:
        """Count one loss."""
        assert count > 0
        self.counts[sink, reason] += count

    def of(self, sink: str) -> int:
        """Return how many records a sink lost."""
        return sum(count for (name, _), count in self.counts.items() if name == sink)


@pytest.fixture
def losses() -> Losses:
    """Return an empty count."""
    return Losses()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Let every test see its own failures only."""
    yield
    _guard.forget()


def drain(spool: Spool, sink: str, *, commit: bool = True) -> list[int]:
    """Take all that a sink is owed and return the records' numbers."""
    found: list[int] = []
    while (batch := spool.take(sink, 200, 100)).records:
        found += [one.at for one in batch.records]
        if commit:
            spool.commit(sink, batch.ends[-1])
    return found


class TestSpool:
    def test_each_sink_has_its_own_pace(self, tmp_path: Path, losses: Losses) -> None:
        """Every sink gets every record in order, once, whatever the others do."""
        spool = Spool(spool_directories.take(tmp_path), ["a", "b"], losses, WIDE)
        spool.append([record(n) for n in range(20)])
        assert drain(spool, "a") == list(range(20))
        spool.append([record(n) for n in range(20, 30)])
        assert drain(spool, "a") == list(range(20, 30))
        assert drain(spool, "b") == list(range(30))
        spool.close()
        assert losses.counts == {}

    def test_a_restart_goes_on_at_the_cursor(self, tmp_path: Path, losses: Losses) -> None:
        """What was taken and not committed comes again; what was committed does not; a new sink starts behind it."""
        spool = Spool(spool_directories.take(tmp_path), ["a"], losses, WIDE)
        spool.append([record(n) for n in range(20)])
        first, second = spool.take("a", 200, 3), spool.take("a", 200, 3)
        assert [one.at for one in second.records] == [3, 4, 5]
        spool.commit("a", first.ends[-1])
        spool.close()
        again = Spool(spool_directories.take(tmp_path), ["a", "new"], losses, NARROW)
        assert (again.pending("a"), again.pending("new")) == (17, 0)
        again.append([record(20)])
        assert drain(again, "a") == list(range(3, 21))
        assert drain(again, "new") == [20]
        again.close()
        assert [path.name for path in tmp_path.glob("0/*.seg")] == []

    def test_a_torn_tail_is_cut(self, tmp_path: Path, losses: Losses) -> None:
        """Half a record at the end, as a kill leaves it, is neither sent nor in the way of the next."""
        spool = Spool(spool_directories.take(tmp_path), ["a"], losses, WIDE)
        spool.append([record(n) for n in range(5)])
        spool.abandon()
        (path,) = tmp_path.glob("0/*.seg")
        with path.open("ab") as file:
            file.write(frames([record(5)])[:-1])
        again = Spool(spool_directories.take(tmp_path), ["a"], losses, WIDE)
        again.append([record(6)])
        assert drain(again, "a") == [0, 1, 2, 3, 4, 6]
        again.close()
        assert losses.counts == {}

    def test_a_segment_without_a_whole_record_is_nothing(self, tmp_path: Path, losses: Losses) -> None:
        """A process killed before its first record was whole leaves a file; the next makes its own of that name."""
        spool = Spool(spool_directories.take(tmp_path), ["a"], losses, WIDE)
        spool.append([record(0)])
        spool.abandon()
        (path,) = tmp_path.glob("0/*.seg")
        path.write_bytes(path.read_bytes()[:20])
        again = Spool(spool_directories.take(tmp_path), ["a"], losses, WIDE)
        again.append([record(1)])
        assert again.sync()
        assert drain(again, "a") == [1]
        again.close()
        assert _guard.failures() == {}

    @pytest.mark.parametrize("segment", [0, -1])
    def test_a_damaged_record_costs_itself(self, tmp_path: Path, losses: Losses, segment: int) -> None:
        """One flipped bit, in any segment: that record is lost and counted, those around it are not."""
        spool = Spool(spool_directories.take(tmp_path), ["a"], losses, NARROW)
        for n in range(20):
            spool.append([record(n)])
        spool.abandon()
        path = sorted(tmp_path.glob("0/*.seg"))[segment]
        data = bytearray(path.read_bytes())
        data[len(frames([record(0)])) + 9] ^= 1
        path.write_bytes(data)
        lost = int(path.stem) + 1
        again = Spool(spool_directories.take(tmp_path), ["a"], losses, NARROW)
        assert drain(again, "a") == [n for n in range(20) if n != lost]
        again.close()
        assert losses.counts == {("a", "damaged"): 1}

    def test_a_damaged_length_is_counted(self, tmp_path: Path, losses: Losses) -> None:
        """Nobody knows where the next frame starts: it costs the rest of its segment, counted, and no other segment."""
        spool = Spool(spool_directories.take(tmp_path), ["a"], losses, NARROW)
        for n in range(20):
            spool.append([record(n)])
        spool.abandon()
        path = min(tmp_path.glob("0/*.seg"))
        data = bytearray(path.read_bytes())
        held = len(data) // len(frames([record(0)]))
        data[len(frames([record(0)]))] ^= 1
        path.write_bytes(data)
        again = Spool(spool_directories.take(tmp_path), ["a"], losses, NARROW)
        assert drain(again, "a") == [0, *range(held, 20)]
        again.close()
        assert losses.counts == {("a", "damaged"): held - 1}

    def test_the_oldest_goes_when_it_is_full(self, tmp_path: Path, losses: Losses) -> None:
        """The spool never holds more than its bound; what a slow sink loses is told, a quick one loses nothing."""
        spool = Spool(spool_directories.take(tmp_path), ["quick", "slow"], losses, NARROW)
        for n in range(200):
            spool.append([record(n)])
            assert drain(spool, "quick") == [n]
            assert spool.held <= NARROW.max_bytes
        rest = drain(spool, "slow")
        assert rest == list(range(200 - len(rest), 200))
        spool.close()
        assert losses.counts == {("slow", "spool_full"): 200 - len(rest)}

    def test_a_full_disk_is_survived_in_memory(
        self, tmp_path: Path, losses: Losses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While the disk takes nothing, events go out from memory, in order; past its bound the newest are dropped."""
        spool = Spool(spool_directories.take(tmp_path), ["a"], losses, NARROW)
        spool.append([record(n) for n in range(3)])

        def full(file: int, data: bytes, offset: int) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            for n in range(3, 103):
                spool.append([record(n)])
            assert not spool.sync()
            found = drain(spool, "a")
        assert found == list(range(len(found)))
        assert 3 < len(found) < 103
        assert losses.counts == {("a", "disk_full"): 103 - len(found)}
        assert {"shipping.spool", "shipping.cursor"} <= set(_guard.failures())
        spool.append([record(500)])
        assert drain(spool, "a") == [500]
        spool.close()

    def test_memory_is_written_when_the_disk_is_back(
        self, tmp_path: Path, losses: Losses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """At the close, what memory held is written if the disk takes it then."""
        spool = Spool(spool_directories.take(tmp_path), ["a"], losses, NARROW)
        with monkeypatch.context() as patch:
            patch.setattr(FileSegment, "append", _no_space)
            spool.append([record(0), record(1)])
        spool.close()
        again = Spool(spool_directories.take(tmp_path), ["a"], losses, NARROW)
        assert drain(again, "a") == [0, 1]
        again.close()

    def test_what_the_disk_does_not_take_at_the_close_is_told(
        self, tmp_path: Path, losses: Losses, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is left in memory then is lost: each sink is told what it had not answered for, and no file stays."""
        monkeypatch.setattr(FileSegment, "append", _no_space)
        spool = Spool(spool_directories.take(tmp_path), ["a", "b"], losses, NARROW)
        spool.append([record(n) for n in range(5)])
        spool.commit("a", spool.take("a", 10**6, 2).ends[-1])
        spool.close()

        assert losses.counts == {("a", "disk_full"): 3, ("b", "disk_full"): 5}
        assert not list(tmp_path.rglob("*.seg"))


def _no_space(self: FileSegment, data: bytes) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TestSlots:
    def test_a_slot_has_one_owner(self, tmp_path: Path) -> None:
        """The lowest free number is taken; a released one is free again."""
        first, second = spool_directories.take(tmp_path), spool_directories.take(tmp_path)
        assert (first.number, second.number) == (0, 1)
        first.release()
        third = spool_directories.take(tmp_path)
        assert third.number == 0
        second.release()
        third.release()

    def test_orphans_are_those_that_nobody_holds(self, tmp_path: Path, losses: Losses) -> None:
        """Directories with events whose owners are gone are found; owned and empty ones are not."""
        spools = [Spool(spool_directories.take(tmp_path), ["a"], losses, WIDE) for _ in range(4)]
        for spool in spools[1:]:
            spool.append([record(spool.spool_directory.number)])
        spools[2].close()
        spools[0].close()
        mine = spool_directories.take(tmp_path)
        found = spool_directories.orphans(tmp_path)
        assert (mine.number, [spool_directory.number for spool_directory in found]) == (0, [2])
        for spool_directory in [mine, *found, spools[1].spool_directory, spools[3].spool_directory]:
            spool_directory.release()
        for spool in (spools[1], spools[3]):
            spool.abandon()

    def test_a_directory_that_cannot_be_is_refused_at_once(self, tmp_path: Path) -> None:
        """The message says which directory and what to give instead."""
        (tmp_path / "file").touch()
        with pytest.raises(ValueError, match=r"no spool can be kept in .*file.*let ship_directory be one"):
            spool_directories.take(tmp_path / "file")


class SpoolLaws(RuleBasedStateMachine):
    """Any order of writing, taking, committing, killing and restarting: nothing lost untold, nothing out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.losses = Losses()
        self.written = 0
        self.seen: dict[str, list[int]] = {"a": [], "b": []}
        self.open()

    def open(self) -> None:
        """Open the spool as a new process would."""
        self.spool = Spool(spool_directories.take(Path(self.directory.name)), ["a", "b"], self.losses, NARROW)
        self.committed = {sink: self.seen[sink][-1] if self.seen[sink] else -1 for sink in self.seen}

    @rule(count=st.integers(1, 12))
    def write(self, count: int) -> None:
        """Append records."""
        self.spool.append([record(self.written + n) for n in range(count)])
        self.written += count

    @rule(sink=st.sampled_from("ab"), most=st.integers(1, 20))
    def send(self, sink: str, most: int) -> None:
        """Take and commit."""
        batch = self.spool.take(sink, 400, most)
        if batch.records:
            self.seen[sink] += [one.at for one in batch.records]
            self.spool.commit(sink, batch.ends[-1])

    @rule(kill=st.booleans())
    def restart(self, *, kill: bool) -> None:
        """End the process life, kindly or not."""
        (self.spool.abandon if kill else self.spool.close)()
        self.open()

    @invariant()
    def nothing_is_lost_untold(self) -> None:
        """Written = seen + told losses + pending, each record once, oldest first."""
        for sink, seen in self.seen.items():
            assert seen == sorted(set(seen))
            assert len(seen) + self.losses.of(sink) + self.spool.pending(sink) == self.written
        assert self.spool.held <= NARROW.max_bytes

    def teardown(self) -> None:
        """Remove it."""
        self.spool.abandon()
        self.directory.cleanup()


TestSpoolLaws = SpoolLaws.TestCase
TestSpoolLaws.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
