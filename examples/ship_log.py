"""Sends a log of ours to Loki, Elasticsearch, Logstash or an OpenTelemetry Collector, so that no outage loses a line.

    python examples/ship_log.py app.log --loki http://127.0.0.1:3100 --elastic https://127.0.0.1:9200

Interrupt it, or stop a receiver meanwhile: what is not acknowledged yet waits in the directory `--spool`, and goes
with the next start. Credentials come from the environment: ELASTIC_API_KEY, LOKI_TENANT, LOGSTASH_USER and
LOGSTASH_PASSWORD.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pepperpy_obs.readings import DeliveryStats
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.sink import SinkSpec

BATCH = 1000


def sinks(given: argparse.Namespace) -> Iterator[SinkSpec]:
    """Yield the receivers that were named."""
    environment = os.environ
    if given.loki:
        yield Loki(url=given.loki, tenant=environment.get("LOKI_TENANT", ""))
    if given.elastic:
        yield Elastic(url=given.elastic, api_key=environment.get("ELASTIC_API_KEY", ""))
    if given.logstash:
        user, password = environment.get("LOGSTASH_USER", ""), environment.get("LOGSTASH_PASSWORD", "")
        yield Logstash(url=given.logstash, user=user, password=password)
    if given.otlp:
        yield Otlp(url=given.otlp)


def report(ledger: DeliveryStats) -> str:
    """Return one sink's books in words."""
    rejected, dropped = sum(ledger.rejected.values()), sum(ledger.dropped.values())
    text = f"{ledger.sink}: {ledger.acknowledged} acknowledged, {rejected} rejected, {dropped} dropped"
    text += f", {ledger.pending} waiting"
    return f"{text}; {ledger.held}" if ledger.held else text


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship the file; return 0 when all of it was answered for in time."""
    parser = argparse.ArgumentParser(description="ship a log of ours")
    parser.add_argument("log", type=Path)
    for name in ("loki", "elastic", "logstash", "otlp"):
        parser.add_argument(f"--{name}", metavar="URL")
    parser.add_argument("--spool", type=Path, default=Path("spool"))
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to try")
    given = parser.parse_args(arguments)
    shipper = Shipper(list(sinks(given)), given.spool)
    lines = given.log.read_bytes().splitlines()
    for start in range(0, len(lines), BATCH):
        shipper.write(lines[start : start + BATCH])
        shipper.sync(given.seconds)
    done = shipper.flush(given.seconds)
    shipper.close()
    for ledger in shipper.ledgers().values():
        print(report(ledger))
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
