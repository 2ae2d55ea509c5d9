"""Real servers with several workers: the directory has every call once, whatever becomes of the workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from pepperpy_obs import Config, source
from pepperpy_obs.reports.stats import Stats
from tests.prometheus import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def free_port() -> int:
    """Return a port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], folder: Path, **settings: str) -> Generator[subprocess.Popen[bytes]]:
    """Run a server in a session of its own, which ends with the block."""
    prices = folder / "prices.toml"
    prices.write_text('[[price]]\nprovider = "acme"\nmodel = "*"\nrequest = 0.01\n', encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PEPPERPY_SHARE_DIRECTORY": str(folder / "shared"),
        "PEPPERPY_PRICE_FILE": str(prices),
        "PEPPERPY_LOG_FORMAT": "none",
        **settings,
    }
    log = (folder / "server.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        ) as server,
    ):
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                # Celery may wait for ever for the task whose child was killed.
                with suppress(subprocess.TimeoutExpired):
                    server.wait(10)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)


def ask(port: int, path: str = "/") -> dict[str, Any] | None:
    """Return the answer to a request; None where there is none."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (URLError, HTTPException, OSError):
        return None


def ask_many(port: int, number: int) -> list[dict[str, Any]]:
    """Return the answers to so many requests, four at a time; each of them has to be answered."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda _: eventually(lambda: ask(port), "an answer"), range(number)))


def shown(folder: Path, window: str | None = None) -> tuple[int, int, int, Decimal]:
    """Return the calls, requests, tokens and cost that the directory has."""
    config = Config(config_file=None)
    stats = Stats.of(source(f"shared:{folder / 'shared'}", config=config).reading(window))
    return stats.performance.calls, stats.usage.total_calls, stats.usage.total_tokens or 0, stats.cost.total_cost


def truth(requests: int) -> tuple[int, int, int, Decimal]:
    """Return the same of so many requests."""
    return 2 * requests, requests, 7 * requests, Decimal("0.01") * requests


SERVERS = {
    "gunicorn": ["gunicorn", "-w", "4", "--max-requests", "9", "-b", "127.0.0.1:{port}", "tests.fleet.app:wsgi"],
    "gunicorn --preload": [
        "gunicorn", "-w", "4", "--preload", "--max-requests", "9", "-b", "127.0.0.1:{port}", "tests.fleet.app:wsgi",
    ],
    "gunicorn with threads": [
        "gunicorn", "-w", "2", "--threads", "3", "--max-requests", "9", "-b", "127.0.0.1:{port}",
        "tests.fleet.app:wsgi",
    ],
    "uvicorn": [
        "uvicorn", "--workers", "3", "--limit-max-requests", "20", "--port", "{port}", "tests.fleet.app:asgi",
    ],
    # Its processes are forked by C code. It is built from source, so it is tried where there is one.
    "uwsgi": [
        "uwsgi", "--http-socket", "127.0.0.1:{port}", "--master", "--processes", "4", "--max-requests", "9",
        "--die-on-term", "--need-app", "--module", "tests.fleet.app:wsgi", "--home", str(Path(sys.prefix)),
    ],
}  # fmt: skip


def command(name: str, port: int) -> list[str]:
    """Return what starts a server."""
    program, *rest = SERVERS[name]
    return [str(BIN / program), *[part.format(port=port) for part in rest]]


@pytest.mark.parametrize("name", [name for name in SERVERS if name != "uwsgi" or (BIN / "uwsgi").exists()])
def test_the_sum_is_the_truth(name: str, tmp_path: Path) -> None:
    """With workers that are recycled, one that is killed and all that end: calls, requests, tokens and money."""
    port = free_port()
    with running(command(name, port), tmp_path):
        eventually(lambda: ask(port), "the first answer")
        first = ask_many(port, 60)
        ask(port, "/die")
        pids = {answer["pid"] for answer in first + ask_many(port, 40)}
        assert len(pids) > 2
        # While they run, what they have written of late is there, too.
        eventually(lambda: shown(tmp_path) == truth(102) or None, "all calls in the directory")
    assert shown(tmp_path) == truth(102)
    assert shown(tmp_path, "1h") == truth(102)


def page(port: int) -> str | None:
    """Return the pages' figures as Prometheus reads them; None while there are none."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            return str(answer.read().decode())
    except (URLError, HTTPException, OSError):
        return None


def requests_on(port: int) -> int | None:
    """Return the requests that the page shows; None while there is no page."""
    text = page(port)
    if text is None:
        return None
    lines = [line for line in text.splitlines() if line.startswith("pepperpy_llm_requests_total{")]
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines)


@pytest.mark.parametrize("name", ["gunicorn", "gunicorn --preload", "uvicorn"])
def test_one_port_shows_all_workers_and_is_taken_over(name: str, tmp_path: Path) -> None:
    """The first worker serves, for all; when it is killed another one does, with the same figures."""
    port, pages = free_port(), free_port()
    with running(command(name, port), tmp_path, PEPPERPY_METRICS_PORT=str(pages)):
        eventually(lambda: ask(port), "the first answer")
        answers = ask_many(port, 30)
        eventually(lambda: requests_on(pages) == 31 or None, "31 requests on the page")
        serving = [answer["pid"] for answer in answers if answer["serves"]]
        if serving:  # else it is the server's master, which the workers end with
            with suppress(ProcessLookupError):
                os.kill(serving[-1], signal.SIGKILL)
            eventually(lambda: requests_on(pages) == 31 or None, "the page of another worker")


def test_celery_prefork(tmp_path: Path) -> None:
    """Children that live for three tasks each, and one that is killed in the middle of its work."""
    pytest.importorskip("celery")
    (tmp_path / "queue").mkdir()
    (tmp_path / "done").mkdir()
    worker = [
        sys.executable, "-m", "celery", "-A", "tests.fleet.tasks", "worker", "--pool", "prefork", "-c", "2",
        "--max-tasks-per-child", "3", "--without-gossip", "--without-mingle", "--without-heartbeat",
    ]  # fmt: skip
    send = "from tests.fleet.tasks import work; [work.delay(number) for number in range(20)]"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TASKS_FOLDER": str(tmp_path)}
    subprocess.run([sys.executable, "-c", send], cwd=tmp_path, env=environment, check=True, timeout=120)
    with running(worker, tmp_path, TASKS_FOLDER=str(tmp_path)):
        eventually(lambda: len(list((tmp_path / "done").iterdir())) == 20 or None, "20 tasks", 120)
        eventually(lambda: shown(tmp_path) == truth(20) or None, "all calls in the directory")
    assert shown(tmp_path) == truth(20)
