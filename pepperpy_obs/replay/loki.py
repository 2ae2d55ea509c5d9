"""Events in a Loki as a source: `query_range`, page by page by time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from pepperpy_obs.config import Config
from pepperpy_obs.errors import SourceError
from pepperpy_obs.replay.shipped import Place, Shipped
from pepperpy_obs.shipping.loki import Loki

if TYPE_CHECKING:
    from pepperpy_obs.shipping.transport import Transport

__all__ = ["LokiLog"]

_PAGE: Final = 5000
"""Loki's max_entries_limit_per_query."""
_LONGEST: Final = 720 * 3600 * 1_000_000_000
"""Nanoseconds of one query: Loki's max_query_length is 721 h."""
_FORM: Final = "application/x-www-form-urlencoded"


class _Stream(msgspec.Struct):
    values: list[list[msgspec.Raw]]


class _Data(msgspec.Struct):
    result: list[_Stream]


class _Answer(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Answer).decode
_text = msgspec.json.Decoder(str).decode
_Entry = tuple[int, bytes]


class LokiLog(Shipped):
    """The lines that a Loki has of one service (`service=`, or the setting), or of all."""

    def __init__(self, url: str, config: Config) -> None:
        place = Place(url, "loki", config, ("tenant",))
        tenant = place.asked.get("tenant", config.loki_tenant)
        super().__init__(config, place, Loki(**place.common, tenant=tenant))

    def pages(
        self, transport: Transport, stretch: tuple[int, int], *, newest: bool, size: int = 0, trace_id: str = ""
    ) -> Iterator[list[bytes]]:
        """Yield the lines of a stretch, in queries of at most 30 days and 5,000 lines."""
        service = self.place.service
        query = f"{{service_name={json.dumps(service)}}}" if service else '{service_name=~".+"}'
        query += f" |= {json.dumps(trace_id)}" if trace_id else ""
        begin, end = stretch
        parts = [(at, min(at + _LONGEST, end)) for at in range(begin, end, _LONGEST)]
        for part in reversed(parts) if newest else parts:
            yield from self._part(transport, query, part, newest=newest, size=size or _PAGE)

    def _part(
        self, transport: Transport, query: str, part: tuple[int, int], *, newest: bool, size: int
    ) -> Iterator[list[bytes]]:
        begin, end = part
        edge: set[_Entry] = set()
        while begin < end:
            asked = {"query": query, "start": begin, "end": end, "limit": size}
            found = self._ask(transport, {**asked, "direction": "backward" if newest else "forward"})
            found.sort(reverse=newest)
            if lines := [entry[1] for entry in found if entry not in edge]:
                yield lines
            if len(found) < size:
                return
            last = found[-1][0]
            edge = {entry for entry in found if entry[0] == last}
            if found[0][0] == last and size > 1:
                msg = f"{self.place.root} has {size} lines or more of one time ({last} ns): it gives no others of it"
                raise SourceError(msg)
            # The end is not part of a range; lines of the last time may be on the next page, too.
            begin, end = (begin, last + 1) if newest else (last, end)
            if size == 1:
                return

    def _ask(self, transport: Transport, asked: dict[str, object]) -> list[_Entry]:
        answer = self.post(transport, "/loki/api/v1/query_range", urlencode(asked).encode(), _FORM)
        if answer.status != 200:
            raise self.refused(answer)
        try:
            streams = _decode(answer.body).data.result
            return [(int(_text(value[0])), _text(value[1]).encode()) for one in streams for value in one.values]
        except (msgspec.MsgspecError, ValueError, IndexError) as error:
            msg = f"{self.place.root} gives no streams ({error}): is it a Loki?"
            raise SourceError(msg) from error
