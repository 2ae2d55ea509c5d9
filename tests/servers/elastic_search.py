"""The read side of Elasticsearch: `_search` with `search_after`, and points in time (7.10 and later).

Of the query language it knows `bool.filter` with `range` on times, and `match_phrase` and `term` on keywords; of
aggregations `terms`, `date_histogram`, `filter`, `sum` and `bucket_script` of one division
(elastic.co/guide/en/elasticsearch/reference/8.19/paginate-search-results.html and search-aggregations.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.servers.wire import Reply

MOST = 10_000
Documents = Mapping[str, Any]


def search(documents: Documents, asked: dict[str, Any], pit: str = "", failed: int = 0) -> Reply:
    """Answer a search over documents by id, in the order in which they came."""
    if asked["size"] > MOST:
        return refused("illegal_argument_exception", f"Result window is too large, must be less than: [{MOST}]")
    orders = [_order(one) for one in asked.get("sort", ())]
    rows: list[tuple[list[Any], str, Any]] = []
    for number, (key, document) in enumerate(documents.items()):
        flat = dict(flattened(document))
        if all(_fits(flat, one) for one in _filters(asked)):
            rows.append(([_value(flat, name, number) for name, _ in orders], key, document))
    for place in reversed(range(len(orders))):
        rows.sort(key=lambda row, place=place: row[0][place], reverse=orders[place][1] == "desc")  # type: ignore[misc]
    if (after := asked.get("search_after")) is not None:
        newest = orders[0][1] == "desc"
        rows = [row for row in rows if (row[0] < after if newest else row[0] > after)]
    hits = [{"_id": key, "_source": document, "sort": sort} for sort, key, document in rows[: asked["size"]]]
    shards = {"total": max(1, failed), "failed": failed}
    answer: dict[str, Any] = {"took": 1, "pit_id": pit, "timed_out": False, "_shards": shards, "hits": {"hits": hits}}
    if "aggs" in asked:
        answer["aggregations"] = _aggregated([dict(flattened(document)) for _, _, document in rows], asked["aggs"])
    return Reply(200, json.dumps(answer).encode())


def _order(one: Mapping[str, Any]) -> tuple[str, str]:
    ((name, how),) = one.items()
    return name.removesuffix(".keyword"), how if isinstance(how, str) else how["order"]


def _filters(asked: Mapping[str, Any]) -> list[Any]:
    filters: list[Any] = asked["query"]["bool"]["filter"]
    return filters


def _aggregated(rows: list[dict[str, Any]], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the aggregations by their names; `bucket_script` is computed after the others."""
    found: dict[str, Any] = {}
    for name, one in sorted(wanted.items(), key=lambda pair: "bucket_script" in pair[1]):
        inner = one.get("aggs", {})
        if "sum" in one:
            found[name] = {"value": sum(row.get(one["sum"]["field"], 0) for row in rows)}
        elif "filter" in one:
            kept = [row for row in rows if _fits(row, one["filter"])]
            found[name] = {"doc_count": len(kept), **_aggregated(kept, inner)}
        elif "bucket_script" in one:
            paths = one["bucket_script"]["buckets_path"]
            values = {key: len(rows) if path == "_count" else _followed(found, path) for key, path in paths.items()}
            over, under = one["bucket_script"]["script"].replace("params.", "").split(" / ")
            found[name] = {"value": values[over] / values[under]}
        else:
            found[name] = {"buckets": _buckets(rows, one, inner)}
    return found


def _followed(found: Mapping[str, Any], path: str) -> float:
    name, _, what = path.partition(">")
    value: float = found[name]["doc_count" if what == "_count" else "value"]
    return value


def _buckets(rows: list[dict[str, Any]], one: Mapping[str, Any], inner: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        if "terms" in one:
            key = row.get(one["terms"]["field"])
        else:
            assert one["date_histogram"]["fixed_interval"] == "1h"
            key = _milliseconds(row[one["date_histogram"]["field"]]) // 3_600_000 * 3_600_000
        if key is not None:
            groups.setdefault(key, []).append(row)
    return [{"key": key, "doc_count": len(some), **_aggregated(some, inner)} for key, some in groups.items()]


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
        if wanted["gte"].startswith("now-"):
            return True  # the documents of a test are of the last hours
        return datetime.fromisoformat(wanted["gte"]) <= at < datetime.fromisoformat(wanted["lt"])
    assert kind in {"match_phrase", "term"}, kind
    return bool(flat.get(name) == wanted)
