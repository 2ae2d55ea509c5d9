"""Events in an Elasticsearch as a source: `_search`, page by page with `search_after`.

A shard that does not answer is an error: its events would be missing in silence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pepperpy_obs.config import Config
from pepperpy_obs.errors import SourceError
from pepperpy_obs.replay.moments import moment_of
from pepperpy_obs.replay.shipped import Place, Shipped
from pepperpy_obs.shipping.elastic import Elastic

if TYPE_CHECKING:
    from pepperpy_obs.shipping.transport import Transport

__all__ = ["ElasticLog"]

_PAGE: Final = 1000
_KEPT: Final = "1m"
_JSON: Final = "application/json"
_FIELDDATA: Final = "fielddata is disabled"
"""Of a text field, which `event.id` is where the index has no template of ours (Elasticsearch and OpenSearch)."""


class _TooLongError(SourceError):
    """A page has more bytes than are read at once."""


class _TextError(SourceError):
    """Events cannot be sorted by a field that is mapped as text."""


class _Hit(msgspec.Struct):
    source: msgspec.Raw = msgspec.field(name="_source")
    sort: list[Any] = msgspec.field(default_factory=list[Any])


class _Hits(msgspec.Struct):
    hits: list[_Hit]


class _Shards(msgspec.Struct):
    failed: int = 0


class _Answer(msgspec.Struct):
    hits: _Hits
    pit_id: str = ""
    timed_out: bool = False
    shards: _Shards = msgspec.field(name="_shards", default_factory=_Shards)


class _Pit(msgspec.Struct):
    id: str


_decode = msgspec.json.Decoder(_Answer).decode
_pit = msgspec.json.Decoder(_Pit).decode


class ElasticLog(Shipped):
    """The documents that an Elasticsearch has of one service (`service=`, or the setting), or of all.

    The path of the URL is the index or data stream, by default the setting `elastic_target`.
    """

    def __init__(self, url: str, config: Config) -> None:
        place = Place(url, "elastic", config, ())
        self._target = place.path or config.elastic_target
        super().__init__(config, place, Elastic(**place.common, target=self._target))

    def pages(
        self, transport: Transport, stretch: tuple[int, int], *, newest: bool, size: int = 0, trace_id: str = ""
    ) -> Iterator[list[bytes]]:
        """Yield the documents of a stretch, 1,000 at a time, as they were at the first page."""
        begin, end = (moment_of(at).isoformat() for at in stretch)
        filters: list[Any] = [{"range": {"@timestamp": {"gte": begin, "lt": end}}}]
        for name, value in (("service.name", self.place.service), ("trace.id", trace_id)):
            # Of a keyword it is the same as `term`, and it finds text, too.
            filters += [{"match_phrase": {name: value}}] if value else []
        order = "desc" if newest else "asc"
        pit = self._point_in_time(transport)
        asked: dict[str, Any] = {
            "size": size or _PAGE,
            "query": {"bool": {"filter": filters}},
            "sort": [{"@timestamp": order}, {"_shard_doc": order} if pit else _by_id("event.id", order)],
            "track_total_hits": False,
        }
        while True:
            if pit:
                asked["pit"] = {"id": pit, "keep_alive": _KEPT}
            try:
                found = self._ask(transport, "/_search" if pit else f"/{self._target}/_search", asked)
            except _TooLongError:
                if asked["size"] == 1:
                    raise
                asked["size"] = max(1, asked["size"] // 4)
                continue
            except _TextError:
                asked["sort"][1] = _by_id("event.id.keyword", order)
                continue
            if found.hits.hits:
                yield [bytes(hit.source).replace(b"\n", b" ") for hit in found.hits.hits]
            if len(found.hits.hits) < asked["size"]:
                return
            asked["search_after"] = found.hits.hits[-1].sort
            pit = found.pit_id or pit

    def _point_in_time(self, transport: Transport) -> str:
        """Return a view of the index that does not change; "" of a server that has none (before 7.10, OpenSearch)."""
        answer = self.post(transport, f"/{self._target}/_pit?keep_alive={_KEPT}", b"", _JSON)
        try:
            return _pit(answer.body).id if answer.status == 200 else ""
        except msgspec.MsgspecError:
            return ""

    def _ask(self, transport: Transport, path: str, asked: dict[str, Any]) -> _Answer:
        partial = "?allow_partial_search_results=false"
        answer = self.post(transport, path + partial, json.dumps(asked).encode(), _JSON)
        if answer.too_long:
            raise _TooLongError(str(self.refused(answer)))
        if answer.status == 400 and _FIELDDATA in answer.text.lower() and "event.id" in asked["sort"][1]:
            raise _TextError(str(self.refused(answer)))
        if answer.status != 200:
            raise self.refused(answer)
        try:
            found = _decode(answer.body)
        except msgspec.MsgspecError as error:
            msg = f"{self.place.root} gives no hits ({error}): is it an Elasticsearch?"
            raise SourceError(msg) from error
        if found.shards.failed or found.timed_out:
            msg = f"{self.place.root} has not read all of its shards ({found.shards.failed} failed): ask again later"
            raise SourceError(msg)
        return found


def _by_id(field: str, order: str) -> dict[str, Any]:
    """Sort by the event's id; an index of others, which does not have that field, is no error."""
    return {field: {"order": order, "unmapped_type": "keyword"}}
