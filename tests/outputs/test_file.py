from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs import _guard
from pepperpy_obs.errors import SetupError
from pepperpy_obs.outputs.file import File

pytestmark = pytest.mark.hostile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a log is to be."""
    return tmp_path / "app.log"


def contents(path: Path) -> dict[str, bytes]:
    """Return every file beside the log, by what is added to its name."""
    return {found.name.removeprefix(path.name): found.read_bytes() for found in path.parent.iterdir()}


# In a process of its own: the limit holds for every file of a process, the log that pytest writes to among them.
FULL_DISK = """
import os, resource, signal, sys
from pepperpy_obs.outputs.file import File
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
file = File(sys.argv[1])
file.write([b"x" * 90 + b"\\n"])
try:
    file.write([b"short\\nyy\\n" + b"y" * 20 + b"\\n", b"y\\n"])
except OSError as error:
    sys.stdout.write(os.strerror(error.errno) + f": {error.lines_written}")
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
file.write([b"z\\n"])
file.close()
"""


class TestAppending:
    def test_to_what_is_there(self, path: Path) -> None:
        """Lines are added to what the file holds, in order, and a closed file may be written to again."""
        path.write_bytes(b"old\n")
        file = File(path)
        file.write([b"a\n", b"b\nc\n"])
        file.close()
        file.close()
        file.write([b"d\n"])
        file.write([])
        file.close()

        assert contents(path) == {"": b"old\na\nb\nc\nd\n"}

    def test_into_a_folder_that_is_not_there_yet(self, tmp_path: Path) -> None:
        """Missing folders are made."""
        file = File(tmp_path / "a/b/app.log")
        file.close()

        assert contents(tmp_path / "a/b/app.log") == {"": b""}

    def test_where_it_cannot(self, tmp_path: Path) -> None:
        """A path that cannot be opened is an error at set-up, which names it."""
        with pytest.raises(SetupError, match=rf"log_file '{tmp_path}' cannot be opened .*Is a directory.*; name one"):
            File(tmp_path)

    def test_a_device(self) -> None:
        """A device is written to as it is: no lock, no rotation, and its errors are passed on."""
        file = File("/dev/full", max_bytes=1)

        with pytest.raises(OSError, match="No space left"):
            file.write([b"a\n"])
        file.close()

    def test_a_torn_line(self, path: Path) -> None:
        """A line that somebody left unfinished is ended before the next one."""
        path.write_bytes(b'{"event": "torn')
        file = File(path)
        file.write([b"a\n"])
        file.close()

        assert contents(path) == {"": b'{"event": "torn\na\n'}

    def test_a_full_disk(self, path: Path) -> None:
        """A full disk is an error to the caller; once there is room, lines are whole again."""
        command = [sys.executable, "-c", FULL_DISK, str(path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

        assert (done.returncode, done.stdout, done.stderr) == (0, "File too large: 2", "")
        assert contents(path) == {"": b"x" * 90 + b"\nshort\nyy\nz\n"}


class TestRotation:
    def test_renames(self, path: Path) -> None:
        """A file that would grow too long is renamed, older ones move up, and the oldest goes."""
        file = File(path, max_bytes=4, backups=2)
        for line in (b"a\n", b"b\n", b"c\n", b"d\n", b"longer than that\n", b"e\n", b"f\n"):
            file.write([line])
        file.close()

        assert contents(path) == {"": b"e\nf\n", ".1": b"longer than that\n", ".2": b"c\nd\n"}

    def test_fills_a_gap_first(self, path: Path) -> None:
        """A backup that somebody has taken away makes room: those behind it stay."""
        for number in (1, 3):
            path.with_name(f"app.log.{number}").write_bytes(b"%d\n" % number)
        file = File(path, max_bytes=2, backups=3)
        file.write([b"a\n"])
        file.write([b"b\n"])
        file.close()

        assert contents(path) == {"": b"b\n", ".1": b"a\n", ".2": b"1\n", ".3": b"3\n"}

    def test_can_be_followed(self, path: Path) -> None:
        """Who has the file open, as a log shipper has, reads all of it under whatever name."""
        file = File(path, max_bytes=4, backups=1)
        with path.open("rb") as follower:
            file.write([b"a\n"])
            read = follower.read()
            for line in (b"b\n", b"c\n"):
                file.write([line])
            read += follower.read()
        file.close()

        assert (read, contents(path)) == (b"a\nb\n", {"": b"c\n", ".1": b"a\nb\n"})

    @pytest.mark.parametrize("how", ["renamed", "removed"])
    def test_by_somebody_else(self, how: str, path: Path) -> None:
        """What logrotate has moved away is begun anew."""
        file = File(path)
        file.write([b"a\n"])
        if how == "renamed":
            path.rename(path.with_name("app.log.old"))
        else:
            path.unlink()
        file.write([b"b\n"])
        file.close()

        assert contents(path) == {"": b"b\n"} | ({".old": b"a\n"} if how == "renamed" else {})

    def test_that_fails(self, path: Path) -> None:
        """Where nothing can be renamed, lines are kept in a file that is too long, and the failure is counted."""
        (path.parent / "app.log.1").mkdir()
        file = File(path, max_bytes=2, backups=1)
        file.write([b"a\n"])
        file.write([b"b\n"])
        file.close()

        assert path.read_bytes() == b"a\nb\n"
        assert _guard.failures()["rotating the log file"] == 1
        _guard.forget()

    def test_not_of_a_link(self, path: Path) -> None:
        """A link, such as /dev/stdout, is written through and stays what it is."""
        target = path.with_name("target")
        path.symlink_to(target)
        file = File(path, max_bytes=2)
        file.write([b"a\n"])
        file.write([b"b\n"])
        file.close()

        assert path.is_symlink()
        assert target.read_bytes() == b"a\nb\n"

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line))), st.integers(1, 60))
    def test_law_nothing_is_lost(
        self, tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]], most: int
    ) -> None:
        """Whatever is written comes out of the files in order, each of them at most as long as allowed or one line."""
        path = tmp_path_factory.mktemp("logs") / "app.log"
        lines = [word + b"\n" for words in batches for word in words]
        file = File(path, max_bytes=most, backups=len(lines) + 1)
        for words in batches:
            file.write([b"".join(word + b"\n" for word in words)])
        file.close()
        pieces = [path, *(path.with_name(f"app.log.{number}") for number in range(1, len(lines) + 1))]
        found = [piece.read_bytes() for piece in pieces if piece.exists()]

        assert b"".join(reversed(found)) == b"".join(lines)
        assert all(len(piece) <= most or piece in lines for piece in found)


WRITER = """
import sys
from pepperpy_obs.outputs.file import File
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
file = File(path, max_bytes=300, backups=2000)
for number in range(0, count, 3):
    file.write([b"%s %d %s\\n" % (name.encode(), n, b"." * (n % 50)) for n in range(number, number + 3)])
"""


class TestSeveralProcesses:
    def test_lose_nothing(self, path: Path) -> None:
        """Processes that share a rotated file tear, lose and double no line, and keep each their order."""
        count = 900
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(count)]) for name in ("a", "b", "c")
        ]
        assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]

        numbers = sorted((int(suffix[1:] or 0) for suffix in contents(path)), reverse=True)
        whole = b"".join(path.with_name(f"app.log.{n}" if n else "app.log").read_bytes() for n in numbers)
        for name in (b"a", b"b", b"c"):
            own = [line for line in whole.splitlines() if line.startswith(name)]
            assert own == [b"%s %d %s" % (name, n, b"." * (n % 50)) for n in range(count)]
        assert len(whole.splitlines()) == 3 * count
        assert len(numbers) > 200

    def test_a_forked_child_locks_for_itself(self, path: Path) -> None:
        """A child of a fork opens the file anew: its lock is not its parent's."""
        file = File(path)
        file.write([b"parent\n"])
        child = os.fork()
        if child == 0:
            file.write([b"child\n"])
            os._exit(0 if file._opened is not None and not file._opened.is_inherited else 1)
        _, status = os.waitpid(child, 0)
        file.write([b"parent\n"])
        file.close()

        assert os.waitstatus_to_exitcode(status) == 0
        assert contents(path) == {"": b"parent\nchild\nparent\n"}

    def test_who_was_stopped_with_the_lock_stops_nobody(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """While another holds the lock for good, lines are written all the same, and nothing is rotated."""
        monkeypatch.setattr("pepperpy_obs._clock.sleep", lambda _: None)
        file = File(path, max_bytes=2)
        with path.open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            file.write([b"a\n"])
            file.write([b"b\n"])
        file.write([b"c\n"])
        file.close()

        assert contents(path) == {"": b"c\n", ".1": b"a\nb\n"}

    def test_threads_with_a_file_each(self, path: Path) -> None:
        """Threads may share a path, if each has its own `File`."""

        def write(name: bytes) -> None:
            file = File(path, max_bytes=500, backups=100)
            for number in range(100):
                file.write([b"%s%d\n" % (name, number)])
            file.close()

        threads = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        whole = b"".join(contents(path).values())
        assert sorted(whole.splitlines()) == sorted(b"%s%d" % (name, n) for name in (b"a", b"b") for n in range(100))
