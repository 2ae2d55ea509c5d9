"""However a process ends or is begun: nothing is lost, nothing is written twice, and what cannot be had is said."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.hostile

PATIENCE = 30

START = """
import os, sys, time
from pepperpy_obs import Config, configure, flush, measured, stats

LOG = sys.argv[1]
settings = dict(config_file=None, log_file=LOG, log_format="json", drain_interval=30)


@measured
def work(number=0):
    return number


def burst(count):
    for number in range(count):
        work(number)
"""


def lines(log: Path) -> list[str]:
    """Return the operations that were logged; each line is an event of its own."""
    events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    assert len({event["event_id"] for event in events}) == len(events)
    return [event["operation"] for event in events]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Name the log that a process of the test writes."""
    return tmp_path / "events.ndjson"


@pytest.fixture
def program(tmp_path: Path, log: Path) -> Callable[..., list[str]]:
    """Return what makes the command that runs a program of the test's."""

    def make(text: str, *more: str) -> list[str]:
        path = tmp_path / "program.py"
        path.write_text(START + textwrap.dedent(text))
        return [sys.executable, str(path), str(log), *more]

    return make


def run(command: list[str], expect: int = 0, **environment: str) -> str:
    """Run a command to its end; return what it said on standard error."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert "ignored" not in done.stderr, done.stderr
    return done.stderr


def test_sigterm_ends_the_first_process_of_a_container(program: Callable[..., list[str]], log: Path) -> None:
    """Though the system spares it: all is written, and it leaves as a shell would report it."""
    if (unshare := shutil.which("unshare")) is None:
        pytest.skip("unshare, of util-linux, is missing")
    inside = [unshare, "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a process namespace")
    command = program("""
        import signal
        configure(Config(**settings))
        burst(100)
        assert os.getpid() == 1
        os.kill(1, signal.SIGTERM)
        burst(100)
        time.sleep(20)
    """)
    run([*inside, *command], expect=128 + signal.SIGTERM)
    assert lines(log) == ["work"] * 100


SERVER = """
import uvicorn

async def application(scope, receive, send):
    if scope["type"] != "lifespan":
        return
    await receive()
    configure(Config(**settings))
    configure(Config(**settings))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    burst(50)
    await send({"type": "lifespan.shutdown.complete"})

server = uvicorn.Server(uvicorn.Config(application, port=int(sys.argv[2]), log_level="warning"))
HOW
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_uvicorn_configured_in_its_lifespan(
    number: signal.Signals, program: Callable[..., list[str]], log: Path
) -> None:
    """Calls of the lifespan's last moment are written, though the server dies of the signal."""
    port = free_port()
    server = subprocess.Popen(
        program(SERVER.replace("HOW", "server.run()"), str(port)), stderr=subprocess.PIPE, text=True
    )
    _await_port(port)
    server.send_signal(number)
    _, said = server.communicate(timeout=PATIENCE)
    assert lines(log) == ["work"] * 50
    assert server.returncode in ({-signal.SIGTERM} if number == signal.SIGTERM else {130, -signal.SIGINT}), said


def _await_port(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(port)


def test_uvicorn_that_ends_before_its_process(program: Callable[..., list[str]], log: Path) -> None:
    """A server that was stopped without a signal only flushes: what the process does afterwards is written, too."""
    command = program(
        SERVER.replace(
            "HOW",
            """
import asyncio

async def main():
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    server.should_exit = True
    await serving
    written = open(LOG).read().count("work")
    assert written == 50, written
    burst(7)

asyncio.run(main())
""",
        ),
        str(free_port()),
    )
    run(command)
    assert lines(log) == ["work"] * 57


@pytest.mark.parametrize("calls", [1, 5000])
def test_exit_handlers_that_run_after_ours(calls: int, program: Callable[..., list[str]], log: Path) -> None:
    """What handlers record that were registered before ours is written as well."""
    command = program("""
        import atexit
        atexit.register(lambda: burst(int(sys.argv[2])))
        configure(Config(**settings))
        burst(3)
    """)
    run([*command, str(calls)])
    assert lines(log) == ["work"] * (3 + calls)


def test_a_child_that_c_code_has_forked(program: Callable[..., list[str]], log: Path) -> None:
    """It knows itself by its process id: it counts its own calls only, and writes them soon, without being asked."""
    command = program("""
        import ctypes
        configure(Config(**settings | {"drain_interval": 0.05}))
        burst(5)
        time.sleep(0.3)
        if (child := ctypes.PyDLL(None).fork()) == 0:
            work()
            time.sleep(0.01)
            burst(6)
            end = time.monotonic() + 20
            while open(LOG).read().count("work") < 12 and time.monotonic() < end:
                time.sleep(0.02)
            os._exit(stats().performance.calls)
        calls = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert calls == 7, calls
        burst(2)
        assert stats().performance.calls == 7
    """)
    run(command)
    assert lines(log) == ["work"] * 14


SPAWN = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

if __name__ == "__main__":
    SETUP
    context = multiprocessing.get_context(sys.argv[2])
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(work, range(40))) == list(range(40))
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_spawned_children_with_settings_in_the_environment(
    method: str, program: Callable[..., list[str]], log: Path
) -> None:
    """They log as their parent does."""
    command = program(SPAWN.replace("SETUP", "configure()"), method)
    said = run(command, PEPPERPY_LOG_FILE=str(log), PEPPERPY_LOG_FORMAT="json", PEPPERPY_CONFIG="")
    assert (lines(log), said) == (["work"] * 40, "")


@pytest.mark.parametrize(
    "setup, told",
    [
        ("configure(Config(**settings))", True),
        ("configure(Config(**settings), processors=[lambda logger, name, event: event])", True),
        ("", False),
    ],
)
def test_spawned_children_without(setup: str, told: bool, program: Callable[..., list[str]], log: Path) -> None:
    """Each child of a parent that logs says once that its calls were written nowhere, and how many."""
    said = run(program(SPAWN.replace("SETUP", setup), "spawn"))
    children = [line for line in said.splitlines() if "were written nowhere" in line]
    counts = [int(line.split(" calls of process")[0].rsplit(" ", 1)[1]) for line in children]
    assert lines(log) == []
    assert (bool(children), sum(counts)) == ((True, 40) if told else (False, 0))


@pytest.mark.parametrize("tasks", [1, 7])
def test_workers_of_billiard(tasks: int, program: Callable[..., list[str]], log: Path) -> None:
    """Those of its pool are recycled and leave by `os._exit`; so does a process of its own."""
    command = program("""
        import billiard
        import billiard.pool

        if __name__ == "__main__":
            configure(Config(**settings))
            pool = billiard.Pool(2, maxtasksperchild=int(sys.argv[2]))
            pool.map(work, range(14), chunksize=1)
            pool.close()
            pool.join()
            alone = billiard.Process(target=burst, args=(6,))
            alone.start()
            alone.join()
    """)
    run([*command, str(tasks)])
    assert lines(log) == ["work"] * 20


def test_a_page_whose_process_forks(program: Callable[..., list[str]]) -> None:
    """It is said once, at the first fork, that the page will not show what the forked processes record."""
    said = run(
        program("""
        from pepperpy_obs import serve
        configure(Config(config_file=None, log_format="none"))
        def fork():
            if (child := os.fork()) == 0:
                os._exit(0)
            os.waitpid(child, 0)
        fork()
        with serve(port=0):
            fork()
            fork()
        fork()
    """)
    )
    assert said.count("what processes record that it forks is not on it") == 1


def test_a_daemon_that_may_not_read_pythons_library(program: Callable[..., list[str]], log: Path) -> None:
    """A process that has changed its user, and cannot import multiprocessing any more, is configured and logs."""
    run(
        program("""
        sys.modules["multiprocessing"] = sys.modules["multiprocessing.process"] = None
        configure(Config(**settings))
        burst(3)
    """)
    )
    assert lines(log) == ["work"] * 3
