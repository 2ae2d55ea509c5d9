"""A spool in a directory that others can write to, and an application that closes descriptors that are not its own."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import _guard
from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping import spool_directories
from pepperpy_obs.shipping.cursor import Cursor
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.private import Descriptor, open_private
from pepperpy_obs.shipping.record import Record, frames
from pepperpy_obs.shipping.segment import FileSegment, file_name, first_of
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.spool import Bounds, Spool
from tests.servers.elastic import ElasticServer

pytestmark = pytest.mark.hostile

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
QUICK: dict[str, Any] = {"linger": 0, "retry_first": 0.01, "retry_most": 0.02}


def never(sink: str, reason: str, count: int) -> None:
    """Fail: nothing is lost in these tests."""
    raise AssertionError(sink, reason, count)


@pytest.mark.parametrize(
    "name", [file_name(0), "elastic.cursor", "lock", "elastic.rejected.ndjson", "elastic.suspects"]
)
def test_a_link_leads_nowhere(name: str, ship: Ship, event: Make, tmp_path: Path) -> None:
    """Whichever file of ours is a link: what it leads to stays as it is, and events arrive."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious" * 20)
    spool_directory = tmp_path / "spool" / "0"
    spool_directory.mkdir(parents=True, mode=0o700)
    (spool_directory / name).symlink_to(victim)
    with ElasticServer(items=[(400, "routing_missing_exception", "no")]) as server:
        shipper = ship(Elastic(url=server.url, **QUICK))
        shipper.offer([event(n, n) for n in range(3)])
        assert shipper.flush(10)
        assert len(server.documents) == 2
        shipper.close()
    assert victim.read_bytes() == b"precious" * 20
    assert stat.S_IMODE(victim.stat().st_mode) & 0o077 == 0o044


def test_a_directory_that_anybody_can_write_to_is_passed_over(
    ship: Ship, event: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next number is taken, and the log names what is wrong and what to do."""
    spool_directory = tmp_path / "spool" / "0"
    spool_directory.mkdir(parents=True)
    spool_directory.chmod(0o777)
    with ElasticServer() as server:
        shipper = ship(Elastic(url=server.url, **QUICK))
        shipper.offer([event(1, 1)])
        assert shipper.flush(10)
        assert not list(spool_directory.iterdir())
    assert (
        f"{spool_directory} in the spool is passed over: anybody may write to it (mode 0777): chmod o-w it"
        in caplog.text
    )
    _guard.forget()


def test_odd_files_are_refused(tmp_path: Path) -> None:
    """No plain file, a second name, or one that anybody may write to: each is refused with the reason."""
    (tmp_path / "plain").write_bytes(b"x")
    os.link(tmp_path / "plain", tmp_path / "second")
    (tmp_path / "open").write_bytes(b"x")
    (tmp_path / "open").chmod(0o666)
    os.mkfifo(tmp_path / "fifo")
    for name, words in (("second", "2 names"), ("open", "anybody may write"), ("fifo", "no plain file")):
        with pytest.raises(PermissionError, match=words):
            open_private(tmp_path / name, os.O_RDWR)


def test_a_huge_file_is_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A sparse file of ten gigabytes under a segment's name is named and left; what is ours goes on."""
    spool_directory = spool_directories.take(tmp_path)
    huge = spool_directory.path / file_name(5)
    with huge.open("wb") as file:
        file.truncate(10 * 1024**3)
    spool = Spool(spool_directory, ["a"], never, Bounds())
    spool.append([Record(1, "x", b"{}")])
    assert [one.id for one in spool.take("a", 1000, 10).records] == ["x"]
    assert (huge.stat().st_size, "passed over" in caplog.text) == (10 * 1024**3, True)
    spool.abandon()
    _guard.forget()


def test_a_segment_is_checked_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large it is, only as much is read at once as a window or one frame needs; its torn tail is cut."""
    path = tmp_path / file_name(0)
    data = frames([Record(n, str(n), b"x" * 300_000) for n in range(60)])
    path.write_bytes(data + data[:1000])
    path.chmod(0o600)
    segment, read = FileSegment(path, 0, new=False), os.pread
    most: list[int] = []

    def pread(file: int, length: int, offset: int) -> bytes:
        most.append(length)
        return read(file, length, offset)

    monkeypatch.setattr(os, "pread", pread)
    assert (segment.cut_torn_tail(), path.stat().st_size) == (60, len(data))
    assert max(most) <= 8 * 1024 * 1024
    segment.close()


def test_names_that_no_segment_has(tmp_path: Path) -> None:
    """Numbers past what a cursor can hold, and digits of other scripts, are no segments."""
    assert first_of(Path(file_name(7))) == 7
    assert first_of(Path("9" * 20 + ".seg")) is first_of(Path("٣" * 20 + ".seg")) is first_of(Path("1.log")) is None


def test_a_number_that_was_given_away_is_left_alone(tmp_path: Path) -> None:
    """The application closed our descriptor and opened its own under that number: ours is opened anew, its stays."""
    ours = Descriptor(tmp_path / "ours", os.O_RDWR | os.O_CREAT)
    number = ours.fileno()
    os.close(number)
    theirs = os.open(tmp_path / "theirs", os.O_RDWR | os.O_CREAT)
    assert theirs == number
    os.write(ours.fileno(), b"line of ours")
    ours.close()
    os.write(theirs, b"row of theirs")
    os.close(theirs)
    assert (tmp_path / "ours").read_bytes() == b"line of ours"
    assert (tmp_path / "theirs").read_bytes() == b"row of theirs"


def test_a_file_that_another_replaced_is_not_written(tmp_path: Path) -> None:
    """A closed descriptor is not replaced by whatever file bears the name by now."""
    ours = Descriptor(tmp_path / "ours", os.O_RDWR | os.O_CREAT)
    os.close(ours.fileno())
    (tmp_path / "ours").rename(tmp_path / "old")
    (tmp_path / "ours").write_bytes(b"")
    with pytest.raises(OSError, match="another file stands in its place"):
        ours.fileno()


def test_a_spool_survives_that_all_descriptors_are_closed(ship: Ship, event: Make, tmp_path: Path) -> None:
    """As a daemon does at its start: events before and after arrive once, and a file opened since is not touched."""
    with ElasticServer() as server:
        shipper = ship(Elastic(url=server.url, **QUICK))
        shipper.offer([event(1, 1)])
        assert shipper.flush(10)
        numbers = [int(link.name) for link in Path("/proc/self/fd").iterdir() if "/spool/" in _target(link)]
        assert len(numbers) >= 2
        for number in numbers:
            os.close(number)
        theirs = [os.open(tmp_path / f"theirs{n}", os.O_RDWR | os.O_CREAT) for n in range(len(numbers))]
        shipper.offer([event(2, 2)])
        assert shipper.flush(10)
        shipper.close()
        assert shipper.ended
        for n, number in enumerate(theirs):
            os.write(number, b"mine")
            os.close(number)
            assert (tmp_path / f"theirs{n}").read_bytes() == b"mine"
        assert len(server.documents) == 2


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def test_a_disk_that_is_full_at_the_start_is_borne(
    ship: Ship, event: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that begins on a full disk sends from memory; it takes one directory only."""

    def full(file: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with ElasticServer() as server:
        shipper = ship(Elastic(url=server.url, **QUICK))
        shipper.offer([event(n, n) for n in range(3)])
        assert shipper.flush(10)
        assert len(server.documents) == 3
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["0"]
    _guard.forget()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EIO, errno.EROFS])
def test_a_disk_that_fails_is_said_at_once(
    code: int, ship: Ship, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other directory is tried where that would fail as well, and what was opened is closed."""

    def fails(path: Path, default: object = None) -> Cursor:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("pepperpy_obs.shipping.spool.Cursor", fails)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a listing opens a descriptor of its own
    with pytest.raises(SetupError, match=os.strerror(code)):
        ship(Elastic(url="http://127.0.0.1:9", **QUICK))

    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["0"]
