"""The read side of Elasticsearch: `_search` with `search_after`, and points in time (7.10 and later).

Of the query language it knows `bool.filter` with `range` on times and `match_phrase` on keywords; aggregations it does
not evaluate (elastic.co/guide/en/elasticsearch/reference/8.19/paginate-search-results.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.servers.wire import Reply

MOST = 10_000
Documents = Mapping[str, Any]


def search(documents: Documents, asked: dict[str, Any], pit: str = "") -> Reply:
    """Answer a search over documents by id, in the order in which they came."""
    if asked["size"] > MOST:
        return refused("illegal_argument_exception", f"Result window is too large, must be less than: [{MOST}]")
    orders = [next(iter(one.items())) for one in asked["sort"]]
    rows: list[tuple[list[Any], str, Any]] = []
    for number, (key, document) in enumerate(documents.items()):
        flat = dict(flattened(document))
        if all(_fits(flat, one) for one in asked["query"]["bool"]["filter"]):
            rows.append(([_value(flat, name, number) for name, _ in orders], key, document))
    for place in reversed(range(len(orders))):
        rows.sort(key=lambda row, place=place: row[0][place], reverse=orders[place][1] == "desc")  # type: ignore[misc]
    if (after := asked.get("search_after")) is not None:
        newest = orders[0][1] == "desc"
        rows = [row for row in rows if (row[0] < after if newest else row[0] > after)]
    hits = [{"_id": key, "_source": document, "sort": sort} for sort, key, document in rows[: asked["size"]]]
    return Reply(200, json.dumps({"took": 1, "pit_id": pit, "hits": {"hits": hits}}).encode())


def refused(kind: str, reason: str, status: int = 400) -> Reply:
    """Return an error as Elasticsearch words it."""
    return Reply(status, json.dumps({"error": {"type": kind, "reason": reason}, "status": status}).encode())


def flattened(document: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Return the leaves of a document by their dotted names."""
    pairs: list[tuple[str, Any]] = []
    for name, value in document.items():
        if isinstance(value, dict):
            pairs += flattened(value, f"{before}{name}.")
        else:
            pairs.append((before + name, value))
    return pairs


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _value(flat: Mapping[str, Any], name: str, number: int) -> Any:
    # A date has milliseconds there, so documents of one are in the order of the tiebreaker.
    if name == "@timestamp":
        return _milliseconds(flat[name])
    return number if name == "_shard_doc" else flat.get(name, "")


def _fits(flat: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    ((kind, about),) = one.items()
    ((name, wanted),) = about.items()
    if kind == "range":
        at = datetime.fromisoformat(flat[name])
        return datetime.fromisoformat(wanted["gte"]) <= at < datetime.fromisoformat(wanted["lt"])
    assert kind == "match_phrase", kind
    return bool(flat.get(name) == wanted)
