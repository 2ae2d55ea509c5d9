from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pepperpy_obs import _guard
from pepperpy_obs.errors import SetupError
from pepperpy_obs.formats.ecs import to_ecs
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.shipping.elastic import Elastic, as_it_is
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.spool import Bounds
from pepperpy_obs.typing import LineSink
from tests.servers.elastic import ElasticServer
from tests.servers.loki import LokiServer
from tests.servers.wire import Fault, wait_until

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
NOW = time.time_ns()
NOBODY = "http://127.0.0.1:9"


def elastic(url: str) -> Elastic:
    """Return a sink in a hurry."""
    return Elastic(url=url, document=as_it_is, linger=0, retry_first=0.01, retry_most=0.05)


def loki(url: str) -> Loki:
    """Return a sink in a hurry."""
    return Loki(url=url, linger=0, retry_first=0.01, retry_most=0.05)


def numbers(server: ElasticServer) -> list[int]:
    """Return which events a server has."""
    return sorted(document["n"] for document in server.documents.values())


class TestOutage:
    def test_one_sink_down_does_not_hold_the_other(self, ship: Ship, event: Make) -> None:
        """Each sink goes at its own pace, and its backlog goes in order when it is back."""
        with ElasticServer() as up, LokiServer() as down:
            down.pause()
            shipper = ship(elastic(up.url), loki(down.url))
            for n in range(50):
                shipper.offer([event(n, NOW + n)])
            assert wait_until(lambda: shipper.ledgers()["elastic"].pending == 0)
            assert shipper.ledgers()["loki"].pending == 50
            down.resume()
            assert shipper.flush(10)
            assert [json.loads(line)["n"] for line in down.lines] == list(range(50))
            assert all(ledger.balanced for ledger in shipper.ledgers().values())

    def test_what_was_not_sent_waits_for_the_next_start(self, ship: Ship, event: Make) -> None:
        """The end is prompt with nobody there; the next process sends it, and counts it as accepted."""
        first = ship(elastic(NOBODY))
        first.offer([event(n, NOW) for n in range(20)])
        first.close(1.0)
        assert first.ended
        assert first.ledgers()["elastic"].pending == 20
        with ElasticServer() as server:
            second = ship(elastic(server.url))
            assert second.ledgers()["elastic"].accepted == 20
            assert second.flush(10)
            assert numbers(server) == list(range(20))

    def test_orphans_are_adopted(self, ship: Ship, event: Make) -> None:
        """What several processes left is sent by the first that starts, and their directories are emptied."""
        lives = [ship(elastic(NOBODY)) for _ in range(3)]
        for n, life in enumerate(lives):
            life.offer([event(n, NOW)])
            assert life.sync(5)
        for life in lives:
            life.close(1.0)
            assert life.ended
        with ElasticServer() as server:
            heir = ship(elastic(server.url))
            assert heir.flush(10)
            assert numbers(server) == [0, 1, 2]
            assert wait_until(lambda: not list(heir.directory.glob("[12]/*.seg")))

    def test_an_orphan_that_cannot_be_read_is_left_alone(self, ship: Ship, event: Make, tmp_path: Path) -> None:
        """It is counted as a failure of ours; everybody else's events go."""
        (tmp_path / "spool" / "5" / "00000000000000000000.seg").mkdir(parents=True)
        with ElasticServer() as server:
            shipper = ship(elastic(server.url))
            shipper.offer([event(1, NOW)])
            assert shipper.flush(10)
            assert (numbers(server), set(_guard.failures())) == ([1], {"shipping.adopt"})

    def test_a_full_spool_drops_the_oldest_and_counts(self, ship: Ship, event: Make) -> None:
        """Accepted = pending + dropped while nobody is there; the newest are sent afterwards."""
        with ElasticServer() as server:
            server.pause()
            shipper = ship(elastic(server.url), bounds=Bounds(20_000, 4_000, 4_000))
            for n in range(500):
                shipper.offer([event(n, NOW)])
                if n % 50 == 0:
                    assert shipper.sync(5)
            assert shipper.sync(5)
            ledger = shipper.ledgers()["elastic"]
            assert ledger.accepted == 500
            assert set(ledger.dropped) == {"spool_full"}
            assert ledger.balanced
            assert ledger.spool_bytes <= 20_000
            server.resume()
            assert shipper.flush(10)
            assert numbers(server)[-1] == 499
            assert shipper.ledgers()["elastic"].acknowledged == len(numbers(server))

    def test_what_is_said_to_be_pending_is_on_disk(self, ship: Ship, event: Make) -> None:
        """Events in flight whose segment was dropped meanwhile are not promised to the next start."""
        bounds = Bounds(20_000, 4_000, 4_000)
        first = ship(elastic(NOBODY), bounds=bounds)
        first.offer([event(n, NOW) for n in range(5)])
        assert wait_until(lambda: first.ledgers()["elastic"].retries)
        for start in range(5, 500, 5):
            first.offer([event(n, NOW) for n in range(start, start + 5)])
        first.close(1.0)
        assert first.ended
        ledger = first.ledgers()["elastic"]
        assert ledger.balanced
        with ElasticServer() as server:
            second = ship(elastic(server.url), bounds=bounds)
            assert second.ledgers()["elastic"].accepted == ledger.pending
            assert second.flush(10)
            assert numbers(server) == list(range(500 - ledger.pending, 500))


class TestEnd:
    def test_a_receiver_that_hangs_cannot_hold_the_exit(self, ship: Ship, event: Make) -> None:
        """The request in flight is given up, its events stay on disk."""
        with ElasticServer([Fault("slow", seconds=60)] * 9) as server:
            shipper = ship(elastic(server.url))
            shipper.offer([event(1, NOW)])
            assert wait_until(lambda: server.requests)
            shipper.close(0.5)
            assert shipper.ended
            assert shipper.ledgers()["elastic"].pending == 1

    def test_a_long_pause_ends_at_once(self, ship: Ship, event: Make) -> None:
        """A sender that waits for a minute, as it was told to, ends when it is asked to."""
        shipper = ship(Elastic(url=NOBODY, linger=0, retry_first=60, retry_most=60))
        shipper.offer([event(1, NOW)])
        assert wait_until(lambda: shipper.ledgers()["elastic"].retries)
        shipper.close(1.0)
        assert shipper.ended

    def test_after_the_end_nothing_is_taken(self, ship: Ship, event: Make) -> None:
        """It is dropped and counted, and nobody is told by an exception."""
        shipper = ship(elastic(NOBODY))
        shipper.close(1.0)
        assert shipper.ended
        shipper.close(1.0)
        assert shipper.ended
        shipper.offer([event(1, NOW)])
        ledger = shipper.ledgers()["elastic"]
        assert (dict(ledger.dropped), ledger.balanced) == ({"closed": 1}, True)


class TestOffer:
    def test_it_waits_for_nothing(self, ship: Ship, event: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        """With a disk that hangs, offers return; what memory cannot hold is dropped and counted."""
        free = threading.Event()
        write = os.pwrite

        def hang(file: int, data: bytes, offset: int) -> int:
            free.wait(30)
            return write(file, data, offset)

        with ElasticServer() as server:
            shipper = ship(elastic(server.url))
            monkeypatch.setattr(os, "pwrite", hang)
            big = "x" * 100_000
            for n in range(200):
                shipper.offer([event(n, NOW, filler=big)])
            ledger = shipper.ledgers()["elastic"]
            assert ledger.accepted == 200
            assert set(ledger.dropped) == {"queue_full"}
            assert ledger.balanced
            free.set()
            assert shipper.flush(10)
            assert numbers(server) == list(range(200 - ledger.dropped["queue_full"]))

    def test_many_threads(self, ship: Ship, event: Make) -> None:
        """Offers of several threads at once are all counted and all sent."""
        with ElasticServer() as server:
            shipper = ship(elastic(server.url))

            def work(start: int) -> None:
                for n in range(start, start + 200):
                    shipper.offer([event(n, NOW)])
                    assert shipper.ledgers()["elastic"].balanced

            threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 800, 200)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert shipper.flush(10)
            assert numbers(server) == list(range(800))


def test_it_is_a_way_out_of_a_chain(ship: Ship) -> None:
    """Rendered events go in, and come out under the names and types of ECS, with their ids."""
    with ElasticServer() as server:
        shipper = ship(Elastic(url=server.url, linger=0))
        assert isinstance(shipper, LineSink)
        event = {"timestamp": "2026-11-23T12:00:00.000001Z", "event": "operation.finished", "event_id": "ab" * 16}
        shipper.write(json_lines([{**event, "level": "info", "outcome": "ok", "duration_seconds": 0.5, "mine": 7}]))
        assert shipper.flush(10)
        assert server.documents == {
            "ab" * 16: {
                "@timestamp": "2026-11-23T12:00:00.000001Z",
                "log.level": "info",
                "message": "operation.finished ok",
                "ecs.version": to_ecs({})["ecs.version"],
                "event": {
                    "id": "ab" * 16,
                    "duration": 500_000_000,
                    "kind": "event",
                    "dataset": "pepperpy_obs",
                    "action": "operation.finished",
                    "outcome": "success",
                },
                "pepperpy": {"outcome": "ok"},
                "labels": {"mine": "7"},
            }
        }


class TestFork:
    def test_a_child_has_its_own_directory_and_books(self, ship: Ship, event: Make) -> None:
        """Parent and child both go on after a fork; each event is sent once."""
        with ElasticServer() as server:
            shipper = ship(elastic(server.url))
            shipper.offer([event(n, NOW) for n in range(10)])
            child = os.fork()
            if not child:
                shipper.after_fork()
                shipper.offer([event(n, NOW) for n in range(100, 110)])
                good = shipper.flush(10) and shipper.ledgers()["elastic"].accepted == 10
                shipper.close(2)
                os._exit(0 if good and shipper.ended else 1)
            shipper.offer([event(n, NOW) for n in range(10, 20)])
            assert os.waitpid(child, 0)[1] == 0
            assert shipper.flush(10)
            assert numbers(server) == [*range(20), *range(100, 110)]
            assert server.conflicts == 0

    def test_a_child_that_records_nothing_costs_nothing(self, ship: Ship) -> None:
        """It has no thread, no directory, and its end is clean."""
        shipper = ship(elastic(NOBODY))
        child = os.fork()
        if not child:
            shipper.after_fork()
            idle = threading.active_count() == 1 and shipper.flush(5) and not (shipper.directory / "1").exists()
            shipper.close(2)
            os._exit(0 if idle and shipper.ended else 1)
        assert os.waitpid(child, 0)[1] == 0


class TestSetUp:
    def test_mistakes_are_raised_at_once(self, tmp_path: Path) -> None:
        """Two sinks of one name, no sink, or a spool without room."""
        for sinks in ([], [elastic(NOBODY), elastic(NOBODY)]):
            with pytest.raises(SetupError, match=r"give at least one, and each a name of its own"):
                Shipper(sinks, tmp_path)
        with pytest.raises(SetupError, match=r"a spool of 10 bytes is too small"):
            Shipper([elastic(NOBODY)], tmp_path, bounds=Bounds(10))

    def test_secrets_are_not_shown(self) -> None:
        """The repr of a sink holds none of them."""
        assert "hunter2" not in repr(Elastic(url=NOBODY, user="me", password="hunter2", headers={"X-Key": "hunter2"}))
        assert "hunter2" not in repr(Elastic(url=NOBODY, api_key="hunter2"))
        with pytest.raises(SetupError) as caught:
            Elastic(url="http://me:hunter2@host")
        assert "hunter2" not in str(caught.value)


def test_our_own_requests_are_not_logged(ship: Ship, event: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP client's log lines about our requests reach no handler: shipped, they would make requests for ever."""
    caplog.set_level(logging.DEBUG)
    with ElasticServer() as server:
        shipper = ship(elastic(server.url))
        shipper.offer([event(1, NOW)])
        assert shipper.flush(10)
    assert [record.name for record in caplog.records] == []
