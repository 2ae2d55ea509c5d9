from __future__ import annotations

import gzip
import json
import os
import re
import signal
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pepperpy_obs.formats.lines import json_lines
from tests.cli.command import CommandLine
from tests.cli.scrape import scrape

pytestmark = pytest.mark.hostile

CALL: dict[str, Any] = {
    "timestamp": "2023-11-16T18:17:03.979960Z",
    "event": "operation.finished",
    "operation": "ask",
    "kind": "task",
    "outcome": "ok",
}


def write(path: Path, calls: int) -> None:
    """Append calls to a log."""
    with path.open("ab") as file:
        file.write(b"".join(json_lines([CALL] * calls)))


def counted(url: str) -> float:
    """Return how many calls Prometheus would see."""
    found = re.search(r"^pepperpy_operations_total\{.*\} (\S+)$", scrape(f"{url}/metrics"), flags=re.MULTILINE)
    return float(found[1]) if found else 0.0


def wait_for(url: str, calls: int) -> bool:
    """Wait until that many calls are counted; False if they never are."""
    for _ in range(200):
        if counted(url) == calls:
            return True
        time.sleep(0.05)
    return False


def test_a_log_is_followed_through_rotation(cli: CommandLine) -> None:
    """What is in compressed, rotated and live files, and what is added to them, is served; Ctrl-C ends it with 0."""
    old, live = cli.folder / "app.log.1", cli.folder / "app.log"
    (cli.folder / "app.log.2.gz").write_bytes(gzip.compress(b"".join(json_lines([CALL] * 4))))
    write(old, 2)
    write(live, 3)
    files = ["app.log.2.gz", "app.log.1", "app.log"]
    with cli.started("serve", *files, "--port", "0", "--json") as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        assert wait_for(url, 9)
        write(live, 1)
        assert wait_for(url, 10)
        live.rename(old)
        write(live, 1)
        assert wait_for(url, 11)
        assert json.loads(scrape(f"{url}/stats"))["performance"]["calls"] == 11
        assert json.loads(scrape(f"{url}/health"))["status"] == "pass"
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0


def test_what_is_wrong_is_said_at_once(cli: CommandLine) -> None:
    """A directory is refused; a line that is no event, and a log that is not there yet, are told while serving."""
    refused = cli("serve", ".", "--port", "0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "'.' cannot be read: Is a directory" in refused.stderr
    (cli.folder / "app.log").write_text("hello\n")
    with cli.started("serve", "app.log", "later.log", "--port", "0") as server:
        assert server.stdout is not None
        assert server.stderr is not None
        assert server.stderr.readline() == "later.log is not there yet; it is read once it is\n"
        assert server.stderr.readline() == "app.log:1: not JSON: JSON is malformed: invalid character (byte 0)\n"
        url = server.stdout.readline().split()[1].removesuffix("/metrics")
        write(cli.folder / "later.log", 5)
        assert wait_for(url, 5)


def statuses(url: str) -> dict[str, int]:
    """Return what each page is answered with."""
    found = {}
    for path in ("/metrics", "/stats", "/health", "/readyz", "/livez"):
        with closing(HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
            connection.request("GET", path)
            found[path] = connection.getresponse().status
    return found


def test_half_of_the_past_is_shown_to_no_scraper(cli: CommandLine) -> None:
    """Until all files have been read once, every page but /livez is 503: Prometheus would take the rest for new."""
    write(cli.folder / "app.log", 3)
    os.mkfifo(cli.folder / "slow.gz")
    with cli.started("serve", "app.log", "slow.gz", "--port", "0", "--json") as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        with (cli.folder / "slow.gz").open("wb") as pipe:
            pipe.write(b"".join(json_lines([CALL] * 2)))
            pipe.flush()
            waiting = dict.fromkeys(("/metrics", "/stats", "/health", "/readyz"), 503)
            assert statuses(url) == {**waiting, "/livez": 200}
            assert scrape(f"{url}/readyz").startswith("The past is still being read: ")
        assert wait_for(url, 5)
        assert set(statuses(url).values()) == {200}


def test_what_is_piped_is_served_as_it_comes(cli: CommandLine) -> None:
    """A pipe may never end, so the pages do not wait for it; doubles in it are told of, and count once."""
    write(cli.folder / "app.log", 3)
    lines = b"".join(json_lines([{**CALL, "event_id": "ab" * 16}] * 4))
    with cli.started("serve", "app.log", "-", "--port", "0", "--json") as server:
        assert server.stdout is not None
        assert server.stderr is not None
        assert server.stdin is not None
        url = json.loads(server.stdout.readline())["url"]
        assert wait_for(url, 3)
        server.stdin.write(lines.decode())
        server.stdin.close()
        assert server.stderr.readline() == "events that came again: 3 so far, each counted once\n"
        assert wait_for(url, 4)


def test_a_taken_port_is_a_sentence(cli: CommandLine) -> None:
    """Two servers on one port: the second says what to do."""
    (cli.folder / "app.log").touch()
    with cli.started("serve", "app.log", "--port", "0", "--json") as server:
        assert server.stdout is not None
        port = json.loads(server.stdout.readline())["url"].rpartition(":")[2]
        done = cli("serve", "app.log", "--port", port)
    assert done.returncode == 2
    assert done.stderr.startswith(f"pepperpy-obs serve: port {port} of '127.0.0.1' is taken by another program; ")
