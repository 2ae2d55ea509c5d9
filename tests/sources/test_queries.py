"""Every query of docs/queries.md runs on our protocol servers, and gives the figures of the process that shipped."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from freezegun import freeze_time

from pepperpy_obs import Config, MetricsCollector
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.sources import source
from tests.servers.elastic import ElasticServer
from tests.servers.loki import LokiServer
from tests.sources.test_shipped import push, records

pytestmark = pytest.mark.quick

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"


def documented(language: str) -> dict[str, str]:
    """Return the queries of a language by the sentence above each."""
    found = re.findall(rf"\n([^\n]+):\n\n```{language}\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    return {re.sub(r",.*|;.*", "", title): text for title, text in found}


@pytest.fixture
def shop(tmp_path: Path, no_thread_left: None) -> Iterator[MetricsCollector]:
    """Return a service that made requests in two hours; one failed, and one is of a model without a price."""
    settings = Config(
        config_file=None, service="shop", log_format="json", log_file=tmp_path / "app.log", drain_interval=600
    )
    with freeze_time("2026-11-23T11:59:30Z") as clock:
        made = MetricsCollector(settings)
        for number in range(6):
            model = "gpt-4o" if number % 2 else "gpt-4o-mini"
            with made.record_call("openai", operation="ask", model=model, agent=f"agent {number % 3}") as call:
                call.record_usage({"input_tokens": 1000 + number, "output_tokens": 100})
            made.runtime.flush()
            clock.tick(10)
        with suppress(ValueError), made.record_call("acme", operation="ask", agent="agent 0") as call:
            call.record_usage({"input_tokens": 7, "output_tokens": 2}, model="no-such-model")
            raise ValueError
        made.runtime.flush()
        clock.tick(1)
        yield made
        made.shutdown()


@pytest.fixture
def loki(shop: MetricsCollector, tmp_path: Path) -> Iterator[LokiServer]:
    """Return a Loki that has the events, and three of them twice."""
    sent = records(tmp_path / "app.log")
    with LokiServer(now=lambda: time.time_ns()) as server:  # noqa: PLW0108 - the frozen one
        push(server, Loki(url=server.url), sent)
        push(server, Loki(url=server.url), sent[:3], "another, after a lost answer")
        yield server


@pytest.fixture
def elastic(shop: MetricsCollector, tmp_path: Path) -> Iterator[ElasticServer]:
    """Return an Elasticsearch that was sent the events twice."""
    sent = records(tmp_path / "app.log")
    with ElasticServer() as server:
        push(server, Elastic(url=server.url), sent)
        push(server, Elastic(url=server.url), sent[:3])
        yield server


def asked(server: LokiServer, query: str) -> dict[str, Decimal]:
    """Return the values of an instant query, by the value of its label."""
    body = urlencode({"query": query, "time": time.time_ns()}).encode()
    reply = server.answer("/loki/api/v1/query", {}, body)
    assert reply.status == 200, reply.body
    rows = json.loads(reply.body)["data"]["result"]
    return {"".join(row["metric"].values()): round(Decimal(row["value"][1]), 9) for row in rows}


def doubled(shop: MetricsCollector, name: str, by: str, tmp_path: Path) -> dict[str, Decimal]:
    """Return sums over the log in which the first three lines stand twice."""
    lines = (tmp_path / "app.log").read_text().splitlines()
    sums: dict[str, Decimal] = {}
    for event in map(json.loads, [*lines, *lines[:3]]):
        if name in event:
            key = event.get(by, "")
            sums[key] = sums.get(key, Decimal(0)) + Decimal(str(event[name]))
    return {key: round(total, 9) for key, total in sums.items()}


def test_logql(shop: MetricsCollector, loki: LokiServer, tmp_path: Path) -> None:
    """Costs, error rates, tokens and counts are those of the process; the forms that say so count each event once."""
    queries = documented("logql")
    stats = shop.stats()
    assert asked(loki, queries.pop("Cost by model")) == doubled(shop, "cost_usd", "model", tmp_path)
    exact = {model: round(cost, 9) for model, cost in stats.cost.cost_by_model.items() if cost}
    assert asked(loki, queries.pop("The same")) == exact
    assert asked(loki, queries.pop("Error rate by agent")) == {"agent 0": round(Decimal(1) / 4, 9)}
    assert asked(loki, queries.pop("Input tokens by provider")) == doubled(shop, "input_tokens", "provider", tmp_path)
    assert asked(loki, queries.pop("Requests without a known price")) == {"no-such-model": 1}
    assert asked(loki, queries.pop("Events")) == {"": 7}
    trace = json.loads((tmp_path / "app.log").read_text().splitlines()[3])["trace_id"]
    found = source(f"loki+{loki.url}", config=Config(config_file=None)).events(trace_id=trace)
    assert queries.pop("One trace") == '{service_name="shop"} |= "TRACE_ID"'
    assert [event["input_tokens"] for event in found] == [1003]
    assert queries == {}


def test_elasticsearch(shop: MetricsCollector, elastic: ElasticServer, tmp_path: Path) -> None:
    """Aggregations give the same figures, by hour, agent and provider; nothing that was sent twice is there twice."""
    queries = {title: json.loads(text) for title, text in documented("json").items()}

    def found(query: dict[str, Any]) -> Any:
        reply = elastic.answer("/logs-pepperpy.events-default/_search", {}, json.dumps(query).encode())
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    stats = shop.stats()
    hours = found(queries.pop("Cost by model and hour"))["aggregations"]["hours"]["buckets"]
    costs: dict[str, Decimal] = {}
    for hour in hours:
        for model in hour["models"]["buckets"]:
            total = costs.get(model["key"], Decimal(0)) + Decimal(str(model["cost"]["value"]))
            costs[model["key"]] = round(total, 9)
    assert len(hours) == 2
    assert {key: cost for key, cost in costs.items() if cost} == {
        model: round(cost, 9) for model, cost in stats.cost.cost_by_model.items() if cost
    }
    agents = found(queries.pop("Error rate by agent"))["aggregations"]["agents"]["buckets"]
    assert {agent["key"]: agent["rate"]["value"] for agent in agents} == {"agent 0": 1 / 3, "agent 1": 0, "agent 2": 0}
    providers = found(queries.pop("Tokens by provider"))["aggregations"]["providers"]["buckets"]
    assert {one["key"]: (one["input"]["value"], one["output"]["value"]) for one in providers} == {
        "openai": (6015, 600),
        "acme": (7, 2),
    }
    trace = json.loads((tmp_path / "app.log").read_text().splitlines()[3])["trace_id"]
    query = json.loads(json.dumps(queries.pop("One trace")).replace("TRACE_ID", trace))
    assert [hit["_source"]["pepperpy"]["input_tokens"] for hit in found(query)["hits"]["hits"]] == [1003]
    assert queries == {}
