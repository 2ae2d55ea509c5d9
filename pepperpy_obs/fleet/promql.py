"""Asks a Prometheus: samples of one moment, or all raw samples of a stretch; numbers are read from their digits.

A number comes as the shortest text that is the same float. So what we have written in twelve digits comes back as it
was written, and sums of it are exact.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError, SourceError
from pepperpy_obs.http.fetch import Address, fetch, refusal
from pepperpy_obs.readings.windows import seconds_of

__all__ = ["Labels", "Prometheus", "Sample"]

Labels = Mapping[str, str]
_TIMEOUT: Final = 30.0
_CHUNK: Final = 86_400.0
"""Seconds of raw samples that are asked for together."""
_ACCEPTED: Final = 'match, a selector\'s labels such as job="shop", and range, how far back it is asked, such as 15d'


class Sample(NamedTuple):
    """One value of one series."""

    labels: Labels
    at: float
    """Seconds since the epoch."""
    value: Decimal


class Prometheus:
    """A server by its URL: `prometheus+http://host:9090?match=job="shop"&range=15d`."""

    def __init__(self, url: str, config: Config) -> None:
        parts = urlsplit(url.partition("+")[2])
        asked = parse_qs(parts.query, keep_blank_values=True)
        if unknown := asked.keys() - {"match", "range"}:
            msg = f"{min(unknown)!r} is asked of a Prometheus; it takes {_ACCEPTED}"
            raise SetupError(msg)
        self._address = Address(parts._replace(query="").geturl(), config)
        self.match = ",".join(asked.get("match", ()))
        self.range = seconds_of(asked.get("range", ["15d"])[-1], "range")
        """How far back it is asked, in seconds."""

    @property
    def shown(self) -> str:
        """The server's address, for texts."""
        return self._address.url

    def selector(self, name: str, *more: str) -> str:
        """Return the series of this name, or of names like it, among those that are looked at."""
        named = f'__name__=~"{name}"' if "." in name or "|" in name else f'__name__="{name}"'
        return "{" + ",".join(filter(None, (named, self.match, *more))) + "}"

    def at(self, selector: str, moment: float) -> list[Sample]:
        """Return the newest sample of each series up to a moment (epoch seconds), unless it had gone by then."""
        return [
            Sample(one["metric"], float(one["value"][0]), Decimal(one["value"][1]))
            for one in self._result(selector, moment, "vector")
        ]

    def raw(self, selector: str, begin: float, end: float) -> Iterator[tuple[Labels, list[tuple[float, Decimal]]]]:
        """Yield the samples of each series from `begin` to `end`; a series may come again, with later ones."""
        while begin < end:
            until = min(end, begin + _CHUNK)
            asked = f"{selector}[{round(1000 * (until - begin))}ms]"
            for one in self._result(asked, until, "matrix"):
                yield one["metric"], [(float(at), Decimal(value)) for at, value in one["values"]]
            begin = until

    def _result(self, query: str, moment: float, kind: str) -> list[dict[str, Any]]:
        asked = urlencode({"query": query, "time": f"{moment:.3f}"})
        status, body = fetch(self._address, f"/api/v1/query?{asked}", timeout=_TIMEOUT)
        if status != HTTPStatus.OK:
            raise refusal(self._address, status, body)
        try:
            data = json.loads(body)["data"]
            found: list[dict[str, Any]] = data["result"]
            is_right = data["resultType"] == kind
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{self.shown} does not answer as Prometheus does ({error!r}): {body[:80]!r}"
            raise SourceError(msg) from error
        if not is_right:
            msg = f"{self.shown} answers {query!r} with no {kind}: is {self.match!r} labels of a selector?"
            raise SetupError(msg)
        return found
