from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pepperpy_obs.shipping.elastic import Elastic, as_it_is
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.spool import Bounds
from tests.servers.elastic import ElasticServer
from tests.servers.http_input import LogstashServer, OtlpServer, plain
from tests.servers.loki import SECOND, LokiServer
from tests.servers.wire import wait_until

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
NOW = 1_795_435_200 * SECOND
COUNT = 6000
QUICK: dict[str, Any] = {"linger": 0, "retry_first": 0.01, "retry_most": 0.02}


def test_after_an_outage_all_of_it_comes_in_order(ship: Ship, event: Make) -> None:
    """Two hours of backlog and the live events behind it: each receiver has every one, once, oldest first."""
    with LokiServer(now=lambda: NOW) as loki, ElasticServer() as es, LogstashServer() as ls, OtlpServer() as otlp:
        servers = (loki, es, ls, otlp)
        sinks = (
            Loki(url=loki.url, **QUICK),
            Elastic(url=es.url, document=as_it_is, **QUICK),
            Logstash(url=ls.url, document=as_it_is, **QUICK),
            Otlp(url=otlp.url, **QUICK),
        )
        for server in servers:
            server.pause()
        shipper = ship(*sinks, bounds=Bounds(64 * 2**20, 2**18, 2**18))
        backlog = [event(n, NOW - (COUNT - n) * SECOND) for n in range(COUNT)]
        for start in range(0, COUNT, 500):
            shipper.offer(backlog[start : start + 500])
        assert shipper.sync(10)
        assert wait_until(lambda: all(ledger.retries for ledger in shipper.ledgers().values()))
        for server in servers:
            server.resume()
        shipper.offer([event(COUNT + n, NOW + n) for n in range(500)])
        assert shipper.flush(30)
        wanted = [*range(COUNT + 500)]
        ((_, lines),) = loki.streams.items()
        assert [json.loads(line)["n"] for _, line, _ in lines] == wanted
        assert [document["n"] for document in es.documents.values()] == wanted
        assert [one["n"] for one in ls.events] == wanted
        assert [int(plain(record["attributes"])["n"]) for _, record in otlp.records] == wanted
        for ledger in shipper.ledgers().values():
            assert (ledger.acknowledged, ledger.rejected, ledger.dropped) == (len(wanted), {}, {})
