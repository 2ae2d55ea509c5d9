"""Only what is still ours is written to and closed, whatever an application does to its descriptors."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import Config, _guard
from pepperpy_obs.errors import ConfigError
from pepperpy_obs.metrics import MetricsCollector
from pepperpy_obs.outputs.descriptor import Descriptor
from pepperpy_obs.outputs.file import File

pytestmark = pytest.mark.hostile

REAL_OPEN = os.open


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a log is to be."""
    return tmp_path / "app.log"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Forget what was counted as amiss."""
    yield
    _guard.forget()


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """Have new files writable for their owner only."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def number_of(file: File) -> int:
    """Return the descriptor that a file is open under."""
    assert file._opened is not None
    return file._opened.number


@pytest.mark.parametrize("rotates", [0, 1000])
def test_a_descriptor_that_another_file_has_got(rotates: int, path: Path) -> None:
    """Its owner's file is neither written to nor closed, and our lines go on in the log."""
    file = File(path, max_bytes=rotates)
    file.write([b"before\n"])
    number = number_of(file)
    os.close(number)  # as a daemon does
    theirs = os.open(path.with_name("row"), os.O_RDWR | os.O_CREAT, 0o600)
    assert theirs == number
    file.write([b"after\n"])
    file.close()

    os.write(theirs, b"row\n")
    os.close(theirs)
    assert (path.read_bytes(), path.with_name("row").read_bytes()) == (b"before\nafter\n", b"row\n")


def test_a_descriptor_that_is_closed(path: Path) -> None:
    """To write opens the file again, and to close does nothing."""
    file = File(path)
    os.close(number_of(file))
    file.write([b"a\n"])
    os.close(number_of(file))
    file.close()
    assert path.read_bytes() == b"a\n"


def test_after_two_forks(path: Path) -> None:
    """A grandchild whose descriptors were closed in between writes into the log, not into what it has opened since."""
    file = File(path)
    file.write([b"parent\n"])
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            os.closerange(3, 64)
            rows = [os.open(path.with_name(f"row {n}"), os.O_RDWR | os.O_CREAT, 0o600) for n in range(12)]
            file.write([b"grandchild\n"])
            file.close()
            written = [os.write(row, b"row\n") for row in rows]
            os._exit(0 if written == [4] * 12 else 1)
        os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    file.close()
    assert path.read_bytes() == b"parent\ngrandchild\n"


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks(
    code: int, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines are written, nothing is renamed, and it is said once."""

    def refuse(number: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    file = File(path, max_bytes=4)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            file.write([b"line\n"])
    file.close()
    assert [found.name for found in path.parent.iterdir()] == ["app.log"]
    assert path.read_bytes() == b"line\n" * 3
    assert [record.message for record in caplog.records] == [
        f"pepperpy_obs: {path} is written without a lock, and never renamed: [Errno {code}] {os.strerror(code)}"
    ]


def test_a_file_that_may_only_be_appended_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are appended; one that a full disk has cut is ended by the next write, though it cannot be read."""

    def append_only(name: Any, flags: int, mode: int = 0o777) -> int:
        if name == path and flags & os.O_RDWR and not flags & os.O_EXCL:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return REAL_OPEN(name, flags, mode)

    path.touch()
    monkeypatch.setattr(os, "open", append_only)
    file = File(path)
    file.write([b"a\n"])
    file._torn = True
    file.write([b"b\n"])
    file.close()
    assert path.read_bytes() == b"a\n\nb\n"


@pytest.mark.parametrize("mode, wanted", [(None, 0o640), (0o600, 0o600), (0o666, 0o666)])
def test_permissions(mode: int | None, wanted: int, path: Path, usual_umask: None) -> None:
    """A new file is for its owner and group, or as asked for whatever the umask; an old one stays as it is."""
    File(path, mode=mode).close()
    assert stat.S_IMODE(path.stat().st_mode) == wanted
    path.chmod(0o604)
    File(path, mode=mode).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@pytest.mark.parametrize("given", [0o644, "0644", "644", "0o644"])
def test_permissions_as_a_setting(given: Any) -> None:
    """They are octal digits, as a number or a text."""
    assert Config(config_file=None, log_file_mode=given).log_file_mode == 0o644


@pytest.mark.parametrize("given", [644, "u=rw", -1])
def test_permissions_that_are_none(given: Any) -> None:
    """What is no permission is refused."""
    with pytest.raises(ConfigError, match="log_file_mode"):
        Config(config_file=None, log_file_mode=given)


def test_a_file_that_was_cut(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is noticed, and said once what may be lost; lines go on at the file's beginning."""
    file = File(path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            file.write([b"a longer line\n", b"another\n"])
            os.truncate(path, 0)
        file.write([b"b\n"])
    file.close()
    assert path.read_bytes() == b"b\n"
    assert _guard.failures() == {"log_file.cut": 3}
    assert [record.message.split(";")[0] for record in caplog.records] == [
        f"pepperpy_obs: {path} was cut by another program"
    ]


def test_lines_that_a_full_disk_has_taken_are_not_counted_as_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thirty lines the disk takes a part: lines in the file and lines counted as dropped are thirty."""
    settings: dict[str, Any] = {"config_file": None, "log_format": "json", "log_file": path, "drain_interval": 600}
    collector = MetricsCollector(Config(**settings))
    write, room = os.write, 5000

    def fill(number: int, data: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(number, data[:room])
        room -= written
        return written

    monkeypatch.setattr(os, "write", fill)
    for _ in range(30):
        with collector.record_call("openai"):
            pass
    collector.stats()
    monkeypatch.undo()
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"}\n")]
    assert all(json.loads(line) for line in whole)
    facts = collector.runtime.reading().own
    assert 0 < len(whole) < 30
    assert (facts.dropped, facts.outputs["file"].lines) == ({"file": 30 - len(whole)}, len(whole))
    collector.shutdown()


def test_a_descriptor_of_a_pipe(tmp_path: Path) -> None:
    """A pipe is no regular file, and is known again as well."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    opened = Descriptor(pipe)
    assert (opened.regular, opened.readable, opened.look() is not None) == (False, False, True)
    opened.close()
    assert opened.look() is None
    os.close(reader)
