"""Receivers that are down, refuse or hang: real processes call, end in time, and the next one delivers."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.loki import LokiServer
from tests.servers.wire import Fault, Reply

pytestmark = pytest.mark.hostile

PRELUDE = """
import os, sys, time
import pepperpy_obs
from pepperpy_obs import Config, configure, measured, stats

URL, SPOOL = sys.argv[1:]
DEADLINE = 1.0

def start(**more):
    told = dict(config_file=None, log_format="none", loki_url=URL, ship_directory=SPOOL, shutdown_timeout=DEADLINE)
    configure(Config(**{**told, **more}))

@measured
def work(i):
    return i

def burst(first, count):
    assert [work(i) for i in range(first, first + count)] == list(range(first, first + count))

def end():
    begun = time.monotonic()
    pepperpy_obs.shutdown()
    print(time.monotonic() - begun < DEADLINE + 0.5)
"""


def run(program: str, url: str, spool: Path, *, expect: int = 0) -> str:
    """Run a program of the user's in a process of its own; return what it printed."""
    command = [sys.executable, "-c", PRELUDE + textwrap.dedent(program), url, str(spool)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@contextmanager
def dead(how: str) -> Generator[str]:
    """Yield the address of a receiver that takes nothing: nobody, one that answers never, or with errors."""
    if how == "refused":
        yield "http://127.0.0.1:9"
    elif how == "hanging":
        with socket.create_server(("127.0.0.1", 0)) as silent:
            yield f"http://127.0.0.1:{silent.getsockname()[1]}"
    else:
        with LokiServer([Fault("reply", Reply(int(how), b"", {"Retry-After": "300"}))] * 1000) as sick:
            yield sick.url


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Name the directory in which events wait."""
    return tmp_path / "spool"


@pytest.mark.parametrize("how", ["refused", "hanging", "503", "429", "401"])
def test_a_dead_receiver_costs_nothing_but_time(how: str, spool: Path) -> None:
    """Calls return what they return and are counted, the process ends in time, and the next one delivers each once."""
    with dead(how) as url:
        program = """
            start()
            burst(0, 5000)
            print(stats().performance.calls)
            end()
        """
        assert run(program, url, spool) == "5000\nTrue\n"
    with LokiServer() as loki:
        assert run("start(shutdown_timeout=20); burst(0, 10)", loki.url, spool) == ""
        events = [json.loads(line) for line in loki.lines]
        assert len(events) == len({event["event_id"] for event in events}) == 5010


@pytest.mark.parametrize("how", ["refused", "hanging"])
def test_an_exit_without_a_word_ends_in_time_too(how: str, spool: Path) -> None:
    """A program that just ends, or gets SIGTERM, keeps what it could not send."""
    with dead(how) as url:
        run("start(); burst(0, 100)", url, spool)
        run("start(); burst(0, 100); os.kill(os.getpid(), 15); time.sleep(30)", url, spool, expect=-signal.SIGTERM)
    with LokiServer() as loki:
        run("start(shutdown_timeout=20)", loki.url, spool)
        assert len(loki.lines) == 200


def test_a_kill_loses_nothing_that_was_written(spool: Path) -> None:
    """After kill -9 a moment after the calls, the next process sends every event."""
    program = """
        start(drain_interval=0.01, ship_fsync="always")
        burst(0, 1000)
        time.sleep(1)
        os.kill(os.getpid(), 9)
    """
    with dead("refused") as url:
        run(program, url, spool, expect=-signal.SIGKILL)
    with LokiServer() as loki:
        run("start(shutdown_timeout=20)", loki.url, spool)
        assert len(loki.lines) == 1000


@pytest.mark.parametrize("leave", ["sys.exit(0)", "pepperpy_obs.shutdown(); os._exit(0)"])
def test_a_forked_child_ships_its_own_calls(leave: str, spool: Path) -> None:
    """Parent and children send what each of them called, once, each under a name of its own."""
    program = f"""
        start(drain_interval=30, shutdown_timeout=20)
        burst(0, 100)
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                burst(0, 50)
                {leave}
            children.append(child)
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        burst(0, 100)
    """
    with LokiServer() as loki:
        run(program, loki.url, spool)
        if sys.version_info < (3, 12) or "shutdown" in leave:
            # A child that ends before the other begins leaves it its number, and with it its stream.
            assert sorted(map(len, loki.streams.values())) in ([50, 50, 200], [100, 200])
        else:  # its interpreter starts no thread any more when it ends: see below
            run("start(shutdown_timeout=20)", loki.url, spool)
        assert len(loki.lines) == 300


def test_a_child_that_cannot_start_threads_any_more(spool: Path) -> None:
    """What a forked child folds only while its interpreter ends, as of 3.12 too late for threads, waits on disk."""
    program = """
        import threading
        def refuse(thread):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(drain_interval=30, shutdown_timeout=20)
        child = os.fork()
        if child == 0:
            burst(0, 50)
            threading.Thread.start = refuse
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    with LokiServer() as loki:
        run(program, loki.url, spool)
        assert len(loki.lines) == 0
        run("start(shutdown_timeout=20)", loki.url, spool)
        assert len(loki.lines) == 50


def test_who_configures_again_ships_on(spool: Path) -> None:
    """What was recorded before goes to the old receiver, what comes after to the new one."""
    with LokiServer() as one, LokiServer() as two:
        program = f"""
            start(shutdown_timeout=20)
            burst(0, 10)
            start(loki_url={two.url!r}, shutdown_timeout=20)
            burst(0, 20)
        """
        run(program, one.url, spool)
        assert (len(one.lines), len(two.lines)) == (10, 20)
