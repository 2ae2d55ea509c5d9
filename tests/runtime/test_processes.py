"""Nothing is lost and nothing doubled by exit, SIGTERM and fork: real processes, judged by what they wrote."""

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.hostile

PRELUDE = """
import os, sys, time, signal, threading, multiprocessing
import pepperpy_obs
from pepperpy_obs import Config, configure, flush, measure, measured, stats

LOG = sys.argv[1]

def start(**more):
    configure(Config(config_file=None, log_file=LOG, log_format="json", **more))

@measured
def work(i):
    return i

def burst(count):
    for i in range(count):
        work(i)
"""


def _run(program: str, log: Path, *, expect: int = 0) -> str:
    """Run a program of the user's in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(program), str(log)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def _operations(log: Path) -> list[str]:
    return [json.loads(line)["operation"] for line in log.read_text().splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Name the log that a process of the test writes."""
    return tmp_path / "events.ndjson"


def test_exit_writes_every_call(log: Path) -> None:
    """A process that just ends has written all calls that had returned."""
    _run("start(); burst(10_000)", log)

    assert _operations(log) == ["work"] * 10_000


def test_an_exception_that_ends_the_process_loses_nothing(log: Path) -> None:
    """So does one that dies of an exception in its main thread."""
    _run("start(); burst(100); sys.exit(3)", log, expect=3)

    assert _operations(log) == ["work"] * 100


def test_a_thread_that_ends_after_the_main_one_is_counted(log: Path) -> None:
    """Threads that the interpreter waits for at exit are waited for by us too."""
    _run(
        """
        start()
        def late():
            time.sleep(0.3)
            burst(50)
        threading.Thread(target=late).start()
        """,
        log,
    )

    assert _operations(log) == ["work"] * 50


def test_sigterm_writes_every_call_and_still_kills(log: Path) -> None:
    """SIGTERM in the middle of work: all calls that returned are written, and the parent sees death by SIGTERM."""
    program = """
    start(drain_interval=30)
    burst(5000)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
    """
    _run(program, log, expect=-signal.SIGTERM)

    assert _operations(log) == ["work"] * 5000


def test_sigterm_in_the_middle_of_a_batch_neither_hangs_nor_doubles(log: Path) -> None:
    """A signal that finds its own thread draining waits for the end of the batch."""
    program = """
    calls = 0
    def stop(logger, name, event):
        global calls
        calls += 1
        if calls == 100:
            os.kill(os.getpid(), signal.SIGTERM)
        return event
    configure(Config(config_file=None, log_file=LOG, log_format="json", drain_interval=30), processors=[stop])
    burst(3000)
    flush()
    time.sleep(30)
    """
    _run(program, log, expect=-signal.SIGTERM)

    assert _operations(log) == ["work"] * 3000


def test_an_applications_own_sigterm_handler_is_left_alone(log: Path) -> None:
    """We do not take a signal that somebody handles."""
    out = _run(
        """
        signal.signal(signal.SIGTERM, lambda *_: (print("mine"), sys.exit(0)))
        start()
        burst(10)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        log,
    )

    assert out == "mine\n"
    assert _operations(log) == ["work"] * 10


def test_a_forked_child_counts_its_own_calls_only(log: Path) -> None:
    """Parent and child each write and count what they called, whatever was waiting at the fork."""
    out = _run(
        """
        start(drain_interval=30)
        burst(1000)
        child = os.fork()
        if child == 0:
            with measure("child"):
                burst(10)
            print("child", stats().performance.calls, flush=True)
            sys.exit(0)
        os.waitpid(child, 0)
        burst(5)
        print("parent", stats().performance.calls)
        """,
        log,
    )

    assert out == "child 11\nparent 1005\n"
    found = _operations(log)
    assert (found.count("work"), found.count("child")) == (1015, 1)


def test_a_fork_inside_a_call_is_one_call(log: Path) -> None:
    """A call that is running at the fork is the parent's; the child's calls below it name the same span."""
    _run(
        """
        start()
        with measure("forks"):
            child = os.fork()
            if child == 0:
                with measure("in child"):
                    pass
        if child == 0:
            sys.exit(0)
        os.waitpid(child, 0)
        """,
        log,
    )
    events = {json.loads(line)["operation"]: json.loads(line) for line in log.read_text().splitlines()}

    assert sorted(_operations(log)) == ["forks", "in child"]
    assert events["in child"]["parent_span_id"] == events["forks"]["span_id"]


def test_forks_under_load_never_hang(log: Path) -> None:
    """Children forked while other threads call and drain do their work and end."""
    out = _run(
        """
        start(drain_interval=0.001)
        done = False
        def busy():
            while not done:
                work(0)
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads: thread.start()
        fine = 0
        for _ in range(40):
            child = os.fork()
            if child == 0:
                with measure("child"): work(1)
                stats()
                os._exit(0 if stats().performance.calls == 2 else 1)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                pid, status = os.waitpid(child, os.WNOHANG)
                if pid:
                    fine += status == 0
                    break
                time.sleep(0.001)
            else:
                os.kill(child, 9)
        done = True
        for thread in threads: thread.join()
        print(fine)
        """,
        log,
    )

    assert out == "40\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_children_lose_nothing(log: Path, tmp_path: Path, method: str) -> None:
    """Children of every start method write all their calls, though they end without `atexit`."""
    script = tmp_path / "app.py"
    script.write_text(
        PRELUDE
        + textwrap.dedent(f"""
        def child():
            start(drain_interval=30)
            burst(500)

        if __name__ == "__main__":
            start(drain_interval=30)
            burst(100)
            context = multiprocessing.get_context({method!r})
            children = [context.Process(target=child) for _ in range(2)]
            for one in children: one.start()
            for one in children: one.join()
            burst(100)
        """)
    )
    subprocess.run([sys.executable, str(script), str(log)], check=True, timeout=60)

    assert _operations(log) == ["work"] * 1200


def test_a_killed_child_takes_nothing_of_others_with_it(log: Path) -> None:
    """After kill -9 of a child, its lines so far are whole, and the parent's are all there."""
    program = """
    start(drain_interval=0.01)
    child = os.fork()
    if child == 0:
        while True:
            with measure("child"): pass
            time.sleep(0.001)
    burst(1000)
    time.sleep(0.5)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    burst(1000)
    """
    _run(program, log)
    found = _operations(log)

    assert found.count("work") == 2000
    assert found.count("child") > 10


def test_shutdown_is_idempotent_and_reads_go_on(log: Path) -> None:
    """After shutdown nothing is written any more, and statistics still count."""
    out = _run(
        """
        start()
        burst(10)
        pepperpy_obs.shutdown(); pepperpy_obs.shutdown()
        burst(10)
        print(stats().performance.calls)
        """,
        log,
    )

    assert out == "20\n"
    assert _operations(log) == ["work"] * 10


def test_without_configure_nothing_is_printed_and_stats_count(log: Path) -> None:
    """From the first call on, and however many there are, and without a thread before somebody reads."""
    out = _run("burst(20_000); print(stats().performance.calls)", log)

    assert out == "20000\n"
    assert not log.exists()


def test_no_call_waits_for_a_dead_end(log: Path) -> None:
    """A log file whose disk is full loses lines, counted, and no call fails."""
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is missing: not a Linux machine")
    program = """
    runtime = configure(Config(config_file=None, log_file="/dev/full", log_format="json"))
    burst(100)
    print(stats().performance.calls, sum(runtime.reading().own.dropped.values()))
    """
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(program), str(log)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == "100 100\n"
    assert done.stderr.count("No space left") == 1


def test_a_bad_environment_costs_no_call_and_is_told(log: Path) -> None:
    """Settings that are not acceptable never raise into a call: they are reported, and raised by `configure`."""
    program = """
    os.environ["PEPPERPY_METRICS_PORT"] = "seven"
    burst(20_000)
    print(stats().performance.calls)
    try:
        configure()
    except pepperpy_obs.ConfigError as error:
        print("PEPPERPY_METRICS_PORT" in str(error))
    """
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(program), str(log)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == "20000\nTrue\n"
    assert "PEPPERPY_METRICS_PORT" in done.stderr


def test_a_pipe_that_nobody_reads_stops_nobody(log: Path) -> None:
    """Calls, reads, shutdown and exit go on while standard error is a full pipe; the lost lines are counted."""
    program = """
    reader, writer = os.pipe()
    os.dup2(writer, 2)
    runtime = configure(Config(config_file=None, log_format="json", drain_interval=0.01))
    burst(20_000)
    print(stats().performance.calls, runtime.reading().own.dropped["stderr"] > 15_000)
    pepperpy_obs.shutdown()
    """

    assert _run(program, log) == "20000 True\n"
