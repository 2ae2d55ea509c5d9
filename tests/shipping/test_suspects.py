"""One event that its receiver cannot digest, in services and in jobs that live for a moment."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import _guard
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.poison import PoisonDetector, ReceiverHistory
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.suspects import Suspect, Suspects
from tests.servers.elastic import ElasticServer
from tests.servers.http_input import LogstashServer
from tests.servers.loki import LokiServer
from tests.servers.wire import Reply, Server, wait_until

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
NOW = time.time_ns()
QUICK: dict[str, Any] = {"linger": 0, "retry_first": 0.001, "retry_most": 0.002}


def failing(server: Server, reply: Reply) -> Server:
    """Let a server fail for each request that holds a certain word."""
    answer = server.answer

    def answering(path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return reply if b"poison" in body else answer(path, headers, body)

    server.answer = answering  # type: ignore[method-assign]
    return server


@pytest.mark.parametrize("reply", [Reply(500, b"panic"), Reply(413), Reply(403, b"<html>no</html>"), Reply(502)])
@pytest.mark.parametrize("server, spec", [(LokiServer, Loki), (ElasticServer, Elastic), (LogstashServer, Logstash)])
def test_the_oldest_event_holds_nobody(
    server: type[Server], spec: type[SinkSpec], reply: Reply, ship: Ship, event: Make
) -> None:
    """Refused from the very first request on, it stands alone soon, and all others arrive."""
    with failing(server(), reply) as receiver:
        shipper = ship(spec(url=receiver.url, gzip=False, **QUICK))
        shipper.offer([event(n, NOW + n, **({"x": "poison"} if n == 0 else {})) for n in range(50)])
        assert wait_until(lambda: [one.acknowledged for one in shipper.ledgers().values()] == [49])


def test_an_event_that_came_alone_holds_nobody(ship: Ship, event: Make) -> None:
    """It had failed before the others came: they end its pause, however long, and go past it."""
    with failing(LogstashServer(), Reply(500)) as receiver:
        shipper = ship(Logstash(url=receiver.url, gzip=False, linger=0, retry_first=0.001, retry_most=3600))
        shipper.offer([event(0, NOW, x="poison")])
        assert wait_until(lambda: len(receiver.requests) > 10)
        shipper.offer([event(1, NOW)])
        assert wait_until(lambda: shipper.ledgers()["logstash"].acknowledged == 1, 5)


def test_suspicion_outlives_the_process(ship: Ship, event: Make) -> None:
    """Jobs that send three events each: the suspect is put aside once, and what went past it is not sent again."""
    with failing(LogstashServer(), Reply(500, b"panic")) as receiver:
        assert isinstance(receiver, LogstashServer)
        first = ship(Logstash(url=receiver.url, gzip=False, **QUICK))
        first.offer([event(n, NOW + n, **({"x": "poison"} if n == 0 else {})) for n in range(3)])
        assert wait_until(lambda: first.ledgers()["logstash"].acknowledged == 2)
        assert wait_until(lambda: list(first.directory.rglob("*.suspects")))
        first.close()
        rejected: dict[str, int] = {}
        for job in range(1, 8):
            again = ship(Logstash(url=receiver.url, gzip=False, **QUICK))
            again.offer([event(10 * job + n, NOW + n) for n in range(3)])
            assert wait_until(lambda again=again: again.ledgers()["logstash"].acknowledged >= 3)
            wait_until(lambda again=again: again.ledgers()["logstash"].pending == 0, 0.3)
            again.close()
            rejected = dict(again.ledgers()["logstash"].rejected)
            if rejected:
                break
        assert rejected == {"500": 1}
        numbers = [one["labels"]["n"] for one in receiver.events]
        assert len(numbers) == len(set(numbers))
        assert not list(first.directory.rglob("*.suspects"))
        (letters,) = first.directory.rglob("*.rejected.ndjson")
        assert json.loads(letters.read_text())["id"] == f"{0:032x}"


def test_a_suspect_does_not_hold_the_exit(ship: Ship, event: Make) -> None:
    """Jobs that end at once wait for it no longer than for the others, and get it rejected all the same."""
    rejected: list[dict[str, int]] = []
    with failing(LogstashServer(), Reply(500, b"panic")) as receiver:
        for job in range(10):
            shipper = ship(Logstash(url=receiver.url, gzip=False, **QUICK))
            shipper.offer([event(10 * job + n, NOW + n, **({"x": "poison"} if job + n == 0 else {})) for n in range(3)])
            end = threading.Thread(target=shipper.close, args=(600,))
            end.start()
            end.join(30)
            assert not end.is_alive()
            (ledger,) = shipper.ledgers().values()
            assert ledger.acknowledged == (2 if job == 0 else 3)
            rejected.append(dict(ledger.rejected))
        # On a busy machine the last answer may come too late to be the reason.
        assert [one for one in rejected if one] in ([{"500": 1}], [{"no_answer": 1}])


def test_a_suspect_without_fault_arrives(ship: Ship, event: Make) -> None:
    """Once its receiver is well, also in the next process."""
    reply = Reply(500)
    with failing(LogstashServer(), reply) as receiver:
        assert isinstance(receiver, LogstashServer)
        first = ship(Logstash(url=receiver.url, gzip=False, **QUICK))
        first.offer([event(n, NOW + n, **({"x": "poison"} if n == 0 else {})) for n in range(3)])
        assert wait_until(lambda: list(first.directory.rglob("*.suspects")))
        first.close()
    with LogstashServer() as well:
        again = ship(Logstash(url=well.url, gzip=False, **QUICK))
        assert again.flush(10)
        assert [one["labels"]["n"] for one in well.events] == ["0"]
        ledger = again.ledgers()["logstash"]
        assert (ledger.accepted, ledger.acknowledged, ledger.balanced) == (1, 1, True)


def test_a_batch_that_failed_is_halved_sooner_the_next_time(ship: Ship, event: Make) -> None:
    """A job that ends before its receiver's answer tells anything passes on how often that failed."""
    with failing(LogstashServer(), Reply(502)) as receiver:
        assert isinstance(receiver, LogstashServer)
        for _ in range(6):
            job = ship(Logstash(url=receiver.url, gzip=False, linger=0, retry_first=600, retry_most=600))
            if not receiver.requests:
                job.offer([event(n, NOW + n, **({"x": "poison"} if n == 0 else {})) for n in range(40)])
            before = len(receiver.requests)
            assert wait_until(lambda before=before: len(receiver.requests) > before)
            job.close(1.0)
            if receiver.events:
                break
        assert receiver.events


def test_a_file_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    """It costs its suspects, not the sink."""
    path = tmp_path / "loki.suspects"
    path.write_bytes(b"\xff" * 10)
    path.chmod(0o600)
    assert len(Suspects(path, ReceiverHistory())) == 0
    assert set(_guard.failures()) == {"shipping.suspects"}
    _guard.forget()


def test_what_others_left_is_taken_over(tmp_path: Path) -> None:
    """Suspects of ended processes stand in our file, each once, with the detectors that they had."""
    history = ReceiverHistory(successes=7, failures=5)
    detector = PoisonDetector(3, 1, own=4, proven=2, seen=7)
    for name, number in (("a", 1), ("b", 2)):
        kept = Suspects(tmp_path / name, history)
        assert kept.add(
            Suspect(Record(number, str(number), b"{}"), "host-9", replay=True, reduced=False, detector=detector)
        )
    ours = Suspects(tmp_path / "ours", ReceiverHistory(), [tmp_path / "a", tmp_path / "b"])
    assert [(one.record.id, one.instance, one.replay) for one in ours] == [("1", "host-9", True), ("2", "host-9", True)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours"]
    (found, _) = Suspects(tmp_path / "ours", ReceiverHistory())
    assert found.detector == PoisonDetector(-4, -4, own=4, proven=2)


def test_there_is_an_end_to_suspicion(tmp_path: Path) -> None:
    """More than so many, or so many bytes, find no room."""
    kept = Suspects(tmp_path / "a", ReceiverHistory())
    detector = PoisonDetector.begun(ReceiverHistory())
    assert not kept.add(Suspect(Record(0, "x", b"x" * 5_000_000), "h", replay=False, reduced=False, detector=detector))
    taken = [
        kept.add(Suspect(Record(n, str(n), b"{}"), "h", replay=False, reduced=False, detector=detector))
        for n in range(70)
    ]
    assert taken == [True] * 64 + [False] * 6
