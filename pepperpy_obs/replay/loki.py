"""Events in a Loki as a source: `query_range`, page by page by time."""

from __future__ import annotations

import json
import re
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


_MOST_LINES: Final = re.compile(r"(?i)max entries limit per query exceeded.*?\(\d+ > (\d+)\)")
_TOO_WIDE: Final = "time range exceeds the limit"
"""Both of pkg/validation and pkg/querier of Loki 2.9 to 3.5."""
_SHORTEST: Final = 60 * 1_000_000_000
_FEWEST: Final = 2


class _FewerLinesError(SourceError):
    """The receiver gives at most `limit` lines at once."""

    def __init__(self, message: str, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class _ShorterTimeError(SourceError):
    """The receiver answers for shorter times only."""


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
        self._page = _PAGE
        """Lines that this Loki gives at once, as far as its refusals have told."""

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
            yield from self._part(transport, query, part, newest=newest, size=size or min(self._page, _PAGE))

    def _part(
        self, transport: Transport, query: str, part: tuple[int, int], *, newest: bool, size: int
    ) -> Iterator[list[bytes]]:
        begin, end = part
        edge: set[_Entry] = set()
        while begin < end:
            asked = {"query": query, "start": begin, "end": end}
            try:
                found, size = self._ask_fewer(
                    transport, {**asked, "direction": "backward" if newest else "forward"}, size
                )
            except _ShorterTimeError:
                if end - begin < _SHORTEST:
                    raise
                middle = (begin + end) // 2
                halves = [(begin, middle), (middle, end)]
                for half in reversed(halves) if newest else halves:
                    yield from self._part(transport, query, half, newest=newest, size=size)
                return
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

    def _ask_fewer(self, transport: Transport, asked: dict[str, object], size: int) -> tuple[list[_Entry], int]:
        """Ask for as many lines as this Loki gives at once; return them, and how many these may be."""
        while True:
            try:
                return self._ask(transport, {**asked, "limit": size}), size
            except _FewerLinesError as error:
                if size <= _FEWEST:  # one that was there before, and one more: with fewer no page gets any further
                    raise
                size = self._page = max(_FEWEST, min(error.limit, size - 1))

    def _ask(self, transport: Transport, asked: dict[str, object]) -> list[_Entry]:
        answer = self.post(transport, "/loki/api/v1/query_range", urlencode(asked).encode(), _FORM)
        if answer.too_long:
            raise _FewerLinesError(str(self.refused(answer)), int(str(asked["limit"])) // 4)
        if answer.status == 400 and (told := _MOST_LINES.search(answer.text)):
            raise _FewerLinesError(str(self.refused(answer)), int(told[1]))
        if answer.status == 400 and _TOO_WIDE in answer.text.lower():
            raise _ShorterTimeError(str(self.refused(answer)))
        if answer.status != 200:
            raise self.refused(answer)
        try:
            streams = _decode(answer.body).data.result
            return [(int(_text(value[0])), _text(value[1]).encode()) for one in streams for value in one.values]
        except (msgspec.MsgspecError, ValueError, IndexError) as error:
            msg = f"{self.place.root} gives no streams ({error}): is it a Loki?"
            raise SourceError(msg) from error
