"""Real processes that share a directory: forked, killed, ended, and with descriptors that others inherit."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import Config, SetupError, source
from pepperpy_obs.fleet.dead import take_in
from pepperpy_obs.fleet.directory import Directory
from pepperpy_obs.metrics import MetricsCollector
from pepperpy_obs.readings import Reading

CHILD = """
import os, sys, time
from pepperpy_obs import Config, configure, measured, measure, flush
configure(Config(config_file=None, log_format="none", share_directory=sys.argv[1]))
@measured
def ask(): pass
def shown():
    '''Wait until the state of this process is in the directory.'''
    flush()
    from pepperpy_obs import _dispatch
    _dispatch.runtime()._sharing._publisher.publish()
exec(sys.argv[2])
"""


@contextmanager
def child(folder: Path, code: str) -> Generator[subprocess.Popen[str]]:
    """Run code in a process that shares the directory; what it prints is a sign of where it is."""
    command = [sys.executable, "-c", CHILD, str(folder), code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def calls(reading: Reading) -> int:
    """Return how many calls have ended."""
    return sum(one.calls for one in reading.snapshot.series.values())


def take_in_dead(folder: Path) -> int:
    """Take in those that are dead, as any process does every few seconds."""
    shared = Directory(folder)
    return shared.take_in_dead(lambda dead, name: take_in(shared, dead, name))


RUN = "[ask() for _ in range(100)]; shown(); print('shown', flush=True); sys.stdin.readline()"


def test_the_dead_are_counted_once_and_for_good(tmp_path: Path) -> None:
    """Killed or ended: the calls stay, in all and in windows, before and after they are taken in, once."""
    for sign in (signal.SIGKILL, signal.SIGTERM):
        with child(tmp_path, RUN) as process:
            assert said(process) == "shown"
            process.send_signal(sign)
    shared = source(f"shared:{tmp_path}")
    for _ in range(3):
        assert [calls(shared.reading(window)) for window in (None, "5m", "1h", "24h")] == [200] * 4
        assert shared.reading().live.active == {}
        take_in_dead(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dead.state", "directory.lock"]


def test_running_calls_and_caches_are_those_of_the_living(tmp_path: Path) -> None:
    """A call that runs is shown while its process lives, and so is what its caches hold."""
    code = (
        "from functools import lru_cache; from pepperpy_obs import watch_cache\n"
        "cache = lru_cache(maxsize=8)(len); cache('a'); watch_cache('lengths', cache)\n"
        "with measure('long'): shown(); print('shown', flush=True); sys.stdin.readline()"
    )
    shared = source(f"shared:{tmp_path}")
    with child(tmp_path, code) as one, child(tmp_path, code) as two:
        assert said(one) == said(two) == "shown"
        live = shared.reading().live
        assert live.active == {("long", ""): 2}
        assert (live.caches["lengths"].size, live.caches["lengths"].maxsize) == (2, 16)
        one.kill()
        one.wait()
        assert shared.reading().live.active == {("long", ""): 1}


def test_a_crash_between_two_steps_counts_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes a dead process in may die before its files are removed: they are not counted again."""
    with child(tmp_path, RUN) as process:
        said(process)
    monkeypatch.setattr(Directory, "_remove", lambda *_: None)
    assert take_in_dead(tmp_path) == 1
    assert len(list(tmp_path.glob("*.lock"))) == 2
    shared = source(f"shared:{tmp_path}")
    assert calls(shared.reading()) == 100
    monkeypatch.undo()
    assert take_in_dead(tmp_path) == 0
    assert calls(shared.reading()) == 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dead.state", "directory.lock"]


def test_a_child_that_inherits_the_lock_does_not_keep_its_parent_alive(tmp_path: Path) -> None:
    """A forked child gives up the lock, and counts under a name of its own."""
    code = (
        "[ask() for _ in range(10)]; shown()\n"
        "if os.fork() == 0:\n"
        "    [ask() for _ in range(7)]; shown(); print('shown', flush=True); sys.stdin.readline(); os._exit(0)\n"
        "os._exit(0)"
    )
    with child(tmp_path, code) as process:
        assert said(process) == "shown"
        process.wait()
        shared = source(f"shared:{tmp_path}")
        assert calls(shared.reading()) == 17
        assert take_in_dead(tmp_path) == 1
        assert calls(shared.reading()) == 17
        assert len(list(tmp_path.glob("*.state"))) == 2


def test_a_number_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    """Names are random: two processes of one number are two."""
    collectors = [MetricsCollector(Config(config_file=None, log_format="none", share_directory=tmp_path)) for _ in "ab"]
    for number, collector in enumerate(collectors, 1):
        for _ in range(number):
            with collector.record_call("openai"):
                pass
        sharing = collector.runtime._sharing._publisher
        assert sharing is not None
        sharing.publish()
    assert calls(source(f"shared:{tmp_path}").reading()) == 3
    assert {path.name.split("-")[0] for path in tmp_path.glob("*-*.state")} == {str(os.getpid())}
    for collector in collectors:
        collector.shutdown()
        sharing = collector.runtime._sharing._publisher
        assert sharing is not None
        sharing.renew()


def test_readers_see_each_call_once_while_the_dead_are_taken_in(tmp_path: Path) -> None:
    """A reader that reads all the time never sees a call twice, nor less than before."""
    for _ in range(6):
        with child(tmp_path, RUN) as process:
            said(process)
    shared = source(f"shared:{tmp_path}")
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(calls(shared.reading()))

    reader = threading.Thread(target=read)
    reader.start()
    while len(seen) < 3:
        done.wait(0.01)
    take_in_dead(tmp_path)
    count = len(seen)
    while len(seen) < count + 3:
        done.wait(0.01)
    done.set()
    reader.join()
    assert set(seen) == {600}


def refuse_locks(number: int) -> Callable[..., Any]:
    """Return a `flock` of a file system without locks."""

    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return flock


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_refused(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what was given, why not, and what to give."""
    monkeypatch.setattr(fcntl, "flock", refuse_locks(number))
    with pytest.raises(SetupError, match=r"share_directory='.*' cannot be used: .*; give a directory on a local disk"):
        MetricsCollector(Config(config_file=None, log_format="none", share_directory=tmp_path))


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_counters_of_the_dead_do_not_fall(signal_number: int, tmp_path: Path) -> None:
    """Lines that were written and lookups of watched caches stay counted; what was wrong or full is over."""
    code = (
        "from functools import lru_cache; from pepperpy_obs import watch_cache\n"
        "configure(Config(config_file=None, log_file=sys.argv[1] + '.log', share_directory=sys.argv[1]))\n"
        "cache = lru_cache(maxsize=8)(len); cache('a'); cache('a'); watch_cache('lengths', cache)\n"
        "ask(); flush(); shown(); print('shown', flush=True); sys.stdin.readline()"
    )
    folder = tmp_path / "shared"
    with child(folder, code) as one:
        assert said(one) == "shown"
        shared = source(f"shared:{folder}")
        before = shared.reading()
        (written,) = [out.lines for name, out in before.own.outputs.items() if name != "pages"]
        assert (written, before.live.caches["lengths"].hits, before.live.caches["lengths"].size) == (1, 1, 1)
        one.send_signal(signal_number)
        one.wait(60)
    for _ in range(2):
        after = shared.reading()
        assert [out.lines for name, out in after.own.outputs.items() if name != "pages"] == [1]
        assert (after.live.caches["lengths"].hits, after.live.caches["lengths"].misses) == (1, 1)
        assert (after.live.caches["lengths"].size, after.live.active) == (None, {})
        assert after.own.started_at == before.own.started_at
        take_in_dead(folder)


def test_a_state_is_shown_while_the_dead_are_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they have left may be large: neither a flush nor the end of a process waits for it."""
    begun, ends = threading.Event(), threading.Event()

    def take_in_slowly(*_: object) -> int:
        begun.set()
        return int(ends.wait(60))

    monkeypatch.setattr(Directory, "take_in_dead", take_in_slowly)
    one = MetricsCollector(Config(config_file=None, log_format="none", share_directory=tmp_path, shutdown_timeout=0.1))
    assert begun.wait(60)
    with one.record_call("acme"):
        pass
    one.runtime.flush()
    shared = source(f"shared:{tmp_path}")
    assert calls(shared.reading()) == 1
    with one.record_call("acme"):
        pass
    one.runtime.shutdown()
    assert calls(shared.reading()) == 2
    ends.set()


def test_locks_that_hold_nothing_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems say yes to all."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with pytest.raises(SetupError, match=r"a lock that was taken there is not held: its file system only pretends"):
        MetricsCollector(Config(config_file=None, log_format="none", share_directory=tmp_path))


def test_a_child_that_is_forked_amid_a_look_holds_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its copy of the descriptor would keep the dead alive, and the directory locked, for as long as it lives."""
    shared = Directory(tmp_path)
    shared.prepare()
    (tmp_path / "1-dead.lock").touch()
    copies: list[int] = []
    close = os.close

    def forked(number: int) -> None:
        copies.append(os.dup(number))  # the copy that a child has, which is forked just before the parent closes it
        close(number)

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", forked)
        assert not shared.is_alive("1-dead")
        with shared._locked("directory.lock"):
            pass
    try:
        assert not shared.is_alive("1-dead")
        with shared._locked("directory.lock"):
            pass
    finally:
        for number in copies:
            close(number)


@pytest.mark.parametrize("mode,message", [(0o777, "anybody may write to it"), (None, "no directory, or a link to one")])
def test_a_directory_of_others_is_refused(mode: int | None, message: str, tmp_path: Path) -> None:
    """What others may write to, they could count in."""
    folder = tmp_path / "shop"
    if mode is None:
        folder.symlink_to(tmp_path / "other")
        (tmp_path / "other").mkdir()
    else:
        folder.mkdir()
        folder.chmod(mode)
    with pytest.raises(SetupError, match=message):
        MetricsCollector(Config(config_file=None, log_format="none", share_directory=folder))


def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    """A reader says which file it is."""
    (tmp_path / "1-0123456789abcdef.state").write_bytes(b"hello")
    with pytest.raises(Exception, match=r"1-0123456789abcdef\.state is not what a process of pepperpy_obs writes"):
        source(f"shared:{tmp_path}").reading()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """A reader makes none."""
    with pytest.raises(SetupError, match=r"shared:.*/none is no directory; give the share_directory of a service"):
        source(f"shared:{tmp_path}/none")
