from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pepperpy_obs.outputs.file import File
from tests.servers.wire import wait_until

SAMPLE = Path(__file__).parents[2] / "config" / "shipping" / "rsyslog.conf"


def sample(**places: object) -> str:
    """Return the sample of config/ with other places in it."""
    text = SAMPLE.read_text()
    for old, new in places.items():
        assert HERE[old] in text
        text = text.replace(HERE[old], str(new))
    return text


HERE = {
    "work": "/var/spool/rsyslog",
    "log": "/var/log/pepperpy/events.log",
    "target": "logs.example",
    "port": "5140",
}


class Receiver:
    """Listens for lines."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.port: int = self._listener.getsockname()[1]
        self.data = bytearray()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except TimeoutError:
            return
        with connection:
            connection.settimeout(None)
            while data := connection.recv(65536):
                self.data += data

    def lines(self) -> list[bytes]:
        """Return the whole lines that have come."""
        return bytes(self.data).split(b"\n")[:-1]

    def close(self) -> None:
        """Wait for the sender's end."""
        self._thread.join(10)
        self._listener.close()


@pytest.fixture
def tail(tmp_path: Path, no_thread_left: None) -> Iterator[Receiver]:
    """Run rsyslog with our sample, which tails app.log and forwards each line; return where the lines come to."""
    binary = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin")
    if binary is None:
        pytest.skip("rsyslog is not there: apt-get install rsyslog")
    receiver = Receiver()
    work = tmp_path / "rsyslog"
    work.mkdir()
    configuration = tmp_path / "rsyslog.conf"
    configuration.write_text(sample(work=work, log=tmp_path / "app.log", target="127.0.0.1", port=receiver.port))
    command = [binary, "-n", "-f", str(configuration), "-i", str(tmp_path / "pid")]
    with (tmp_path / "rsyslog.out").open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output)
        yield receiver
        running.terminate()
        running.wait(10)
    receiver.close()


def test_rsyslog_follows_the_renamed_file(tmp_path: Path, tail: Receiver) -> None:
    """Every line is forwarded once and in order, over several rotations."""
    way_out = File(tmp_path / "app.log", max_bytes=60_000, backups=20)
    lines = [json.dumps({"event": "test", "n": n, "filler": "x" * 100}).encode() + b"\n" for n in range(3000)]
    way_out.write(lines[:50])
    # What was renamed before it looked for the first time is nobody's, as with any that follows one name.
    assert wait_until(lambda: len(tail.lines()) >= 50, 20)
    for start in range(50, len(lines), 50):
        way_out.write(lines[start : start + 50])
        time.sleep(0.02)
    way_out.close()
    assert len(list(tmp_path.glob("app.log.*"))) >= 5
    assert wait_until(lambda: len(tail.lines()) >= len(lines), 20)
    # imfile looks once more at a file that was renamed: a line that came twice would be here by then.
    time.sleep(0.5)
    assert [json.loads(line)["n"] for line in tail.lines()] == list(range(3000))
