from __future__ import annotations

import json
from pathlib import Path

from pepperpy_obs.shipping.dead_letter import DeadLetters, read_letters
from pepperpy_obs.shipping.record import Record
from tests.cli.command import CommandLine
from tests.servers.elastic import ElasticServer
from tests.servers.http_input import LogstashServer
from tests.servers.loki import LokiServer
from tests.servers.wire import Fault, Reply


def letters(folder: Path, sink: str, count: int, *, slot: str = "0", reason: str = "line_too_long") -> Path:
    """Leave dead letters of a process that has ended."""
    path = folder / "spool" / slot / f"{sink}.rejected.ndjson"
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = DeadLetters(path)
    for n in range(count):
        event = {"timestamp": f"2026-11-30T12:00:{n:02}.000000Z", "event": "test", "event_id": f"{slot}-{n}", "n": n}
        kept.keep(Record(n, f"{slot}-{n}", json.dumps(event).encode()), reason, "as it was")
    return path


def variables(folder: Path, **urls: str) -> dict[str, str]:
    """Return the settings of a service with these receivers."""
    found = {f"PEPPERPY_{kind.upper()}_URL": url for kind, url in urls.items()}
    return {**found, "PEPPERPY_SHIP_DIRECTORY": str(folder / "spool")}


def test_all_letters_go(cli: CommandLine, tmp_path: Path) -> None:
    """Those of every process, each once; the files are gone, and the line says how many."""
    files = [letters(cli.folder, "elastic", 3), letters(cli.folder, "elastic", 2, slot="1")]
    with ElasticServer() as server:
        done = cli("resend", variables=variables(cli.folder, elastic=server.url))
        again = cli("resend", "--json", variables=variables(cli.folder, elastic=server.url))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"elastic at {server.url}: 5 dead letters: 5 taken, 0 refused again, 0 left\n"
    assert sorted(server.documents) == ["0-0", "0-1", "0-2", "1-0", "1-1"]
    assert [path.exists() for path in files] == [False, False]
    (found,) = json.loads(again.stdout)["sinks"]
    assert (again.returncode, found["letters"]) == (0, 0)


def test_what_is_refused_again_is_put_back(cli: CommandLine) -> None:
    """With its newest reason; the others are taken, and the exit code says that not all were."""
    path = letters(cli.folder, "loki", 3)
    with LokiServer(longest=110, now=lambda: 1_796_040_000 * 10**9) as server:
        kept = DeadLetters(path)
        kept.keep(Record(0, "long", json.dumps({"event": "x" * 200}).encode()), "line_too_long", "once")
        done = cli("resend", variables=variables(cli.folder, loki=server.url))
        lines = server.lines
    assert (done.returncode, len(lines)) == (1, 3)
    assert "4 dead letters: 3 taken, 1 refused again (" in done.stdout
    (letter,) = read_letters(path)[0]
    assert (letter.id, letter.detail != "once") == ("long", True)


def test_a_receiver_that_is_away_costs_nothing(cli: CommandLine) -> None:
    """All letters are put back as they were, and the line says why."""
    path = letters(cli.folder, "logstash", 3)
    before = path.read_bytes()
    with LogstashServer([Fault("reply", Reply(503, b"busy"))]) as server:
        done = cli("resend", variables=variables(cli.folder, logstash=server.url))
    assert done.returncode == 1
    assert done.stdout.endswith("3 dead letters: 0 taken, 0 refused again, 3 left: busy\n")
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_choice_and_a_count(cli: CommandLine) -> None:
    """Only those of a reason are sent; a dry run counts and sends nothing."""
    letters(cli.folder, "elastic", 2, reason="too_old")
    path = letters(cli.folder, "elastic", 1, slot="1", reason="labels")
    with ElasticServer() as server:
        settings = variables(cli.folder, elastic=server.url)
        count = cli("resend", "--dry-run", variables=settings)
        assert (count.returncode, server.documents) == (0, {})
        assert count.stdout == f"elastic: 3 dead letters in {cli.folder / 'spool'} (labels 1, too_old 2)\n"
        done = cli("resend", "--reason", "too_old", "--sink", "elastic", variables=settings)
        assert (done.returncode, sorted(server.documents)) == (0, ["0-0", "0-1"])
    assert [one.reason for one in read_letters(path)[0]] == ["labels"]


def test_without_receivers(cli: CommandLine) -> None:
    """Exit code 2, and the sentence says what to set."""
    done = cli("resend", "--sink", "loki")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no receiver is configured; set one of PEPPERPY_LOKI_URL, or its key" in done.stderr
