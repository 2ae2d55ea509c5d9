"""A running service as a source: it is asked for its readings by its pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Unpack
from urllib.parse import urlencode

from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError, SourceError
from pepperpy_obs.formats.read import from_json
from pepperpy_obs.http.fetch import Address, fetch, refusal
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.readings.windows import Window, seconds_of

__all__ = ["Service"]

_TIMEOUT: Final = 10.0


class Service:
    """The service at a URL that `serve()` has, with what it knows of itself: calls that run and lost lines, too.

    Each question is one request, of 10 seconds and 64 MiB at most. SourceError says why there is no answer.
    """

    def __init__(self, url: str, config: Config) -> None:
        self.config = config
        self._address = Address(url, config)

    def reading(self, window: Window | None = None) -> Reading:
        """Return the service's own reading."""
        return self._reading(self._ask("/reading", {} if window is None else {"window": seconds_of(window)}))

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the service's readings of the window's steps."""
        asked = {"window": seconds_of(window), "step": seconds_of(step, "step")}
        return [self._reading(one) for one in self._rows(self._ask("/reading", asked), "readings")]

    def events(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events of the service's own log file; SetupError where it writes none."""
        asked = {name: value for name, value in wanted.items() if value is not None}
        return [from_json(one) for one in self._rows(self._ask("/events", asked), "events")]

    def newest(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return those that the service has in memory."""
        asked = {name: value for name, value in wanted.items() if value is not None}
        return [from_json(one) for one in self._rows(self._ask("/events", {**asked, "memory": 1}), "events")]

    def _ask(self, page: str, asked: dict[str, Any]) -> Any:
        query = f"?{urlencode(asked)}" if asked else ""
        status, body = fetch(self._address, page + query, timeout=_TIMEOUT)
        if status != HTTPStatus.OK:
            raise refusal(self._address, status, body)
        try:
            return json.loads(body)
        except ValueError as error:
            msg = f"{self._address.url}{page} gives no JSON ({error}): is it a service of pepperpy_obs?"
            raise SourceError(msg) from error

    def _reading(self, plain: Any) -> Reading:
        try:
            return Reading.from_dict(plain)
        except SetupError as error:
            msg = f"{self._address.url}: {error}"
            raise SourceError(msg) from error

    def _rows(self, found: Any, name: str) -> list[dict[str, Any]]:
        rows: Any = found.get(name) if isinstance(found, dict) else None
        if not isinstance(rows, list):
            msg = f"{self._address.url} gives no {name}: is it a service of pepperpy_obs, of this version?"
            raise SourceError(msg)
        return rows
