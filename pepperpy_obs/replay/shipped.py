"""Events that were shipped, read back from their receiver: the same fold as of a log."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, Unpack
from urllib.parse import parse_qs, unquote, urlsplit

from pepperpy_obs import _clock
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError, SourceError
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.readings.windows import seconds_of
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.log import EventLog
from pepperpy_obs.replay.newest import NewestFold
from pepperpy_obs.shipping.results import Answer, Request

if TYPE_CHECKING:
    from pepperpy_obs.shipping.sink import SinkSpec
    from pepperpy_obs.shipping.transport import Transport

__all__ = ["Place", "Shipped"]

_SINCE: Final = "30d"
_LATER: Final = 1_000_000_000
"""Nanoseconds after now that are still asked for: clocks differ."""


class Place:
    """What the URL of a source says: where the receiver is, as whom it is asked, and for which service.

    `loki+http://user:password@host:3100?service=shop&tenant=acme&since=7d`. What it does not say is taken from the
    settings of shipping; `since` is how far back a reading without a window goes, 30 days unless given.
    """

    def __init__(self, url: str, kind: str, config: Config, known: Sequence[str]) -> None:
        parts = urlsplit(url)
        asked = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        host = parts.netloc.rpartition("@")[2]
        shown = f"{parts.scheme}://{host}{parts.path}"
        if unknown := sorted(set(asked) - {"service", "since", *known}):
            msg = f"source {shown!r} has {', '.join(unknown)}; it may have service, since, {', '.join(known)}"
            raise SetupError(msg)
        self.root = f"{parts.scheme.partition('+')[2]}://{host}"
        self.path = parts.path.strip("/")
        self.asked = asked
        self.service = asked.get("service", config.service)
        self.since = round(seconds_of(asked.get("since", _SINCE), "since") * 1e9)
        plain = {name: getattr(config, f"{kind}_{name}") for name in ("user", "ca_file", "client_cert", "client_key")}
        for name in ("password", "bearer_token", "api_key"):
            plain[name] = getattr(config, f"{kind}_{name}").get_secret_value()
        if parts.username:
            plain |= {"bearer_token": "", "api_key": "", "user": unquote(parts.username)}
            plain["password"] = unquote(parts.password or "")
        lines = (line.get_secret_value().partition(":") for line in getattr(config, f"{kind}_headers"))
        self.common: dict[str, Any] = {
            **plain, "url": self.root, "headers": {name: value.strip() for name, _, value in lines},
        }  # fmt: skip


class Shipped(EventLog):
    """What a receiver has of a service's events; windows end now. An event that it has twice counts once."""

    def __init__(self, config: Config, place: Place, spec: SinkSpec) -> None:
        super().__init__(config)
        self.place = place
        self._spec = spec

    def now(self) -> int | None:
        """Return this moment."""
        return _clock.time_ns()

    def feed(self, fold: Fold, since: int | None = None, until: int | None = None) -> None:
        """Fold the events of a stretch, the oldest first, and the last one before it."""
        end = (_clock.time_ns() if until is None else until) + _LATER
        begin = max(0, end - self.place.since if since is None else since)
        with closing(_opened(self._spec)) as transport:
            if since is not None:
                before = next(self.pages(transport, (max(0, begin - self.place.since), begin), newest=True, size=1), [])
                fold.lines(before, self._spec.name)
            for lines in self.pages(transport, (begin, end), newest=False):
                fold.lines(lines, self._spec.name)

    def events(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events that have all that is given, the newest first."""
        fold = NewestFold(**wanted)
        end = _clock.time_ns() + _LATER
        stretch = max(0, end - self.place.since), end
        with closing(_opened(self._spec)) as transport:
            for lines in self.pages(transport, stretch, newest=True, trace_id=wanted.get("trace_id") or ""):
                fold.lines(lines, self._spec.name)
                if fold.full:
                    break
        return fold.found()

    @abstractmethod
    def pages(
        self, transport: Transport, stretch: tuple[int, int], *, newest: bool, size: int = 0, trace_id: str = ""
    ) -> Iterator[list[bytes]]:
        """Yield the lines of a stretch (epoch ns) page by page, the newest or the oldest first; `size` is of a page."""

    def post(self, transport: Transport, path: str, body: bytes, content_type: str) -> Answer:
        """Return the answer, which may be that it is too long; SourceError if there is none.

        A receiver that is busy is asked again.
        """
        from pepperpy_obs.shipping.transport import post_again  # noqa: PLC0415 - loads the HTTP client

        answer = post_again(transport, Request(path, body, {"Content-Type": content_type}))
        if not answer.status and not answer.too_long:
            msg = f"{self.place.root} does not answer: {answer.text}"
            raise SourceError(msg)
        return answer

    def refused(self, answer: Answer) -> SourceError:
        """Return the error for an answer that is not what was asked for."""
        return SourceError(f"{self.place.root} answers with status {answer.status}: {answer.text[:300]}")


def _opened(spec: SinkSpec) -> Transport:
    try:
        from pepperpy_obs.shipping.transport import Transport  # noqa: PLC0415 - loads the HTTP client
    except ModuleNotFoundError as error:
        msg = f"reading from {spec.kind} takes {error.name!r}: pip install 'pepperpy_obs[{spec.kind}]'"
        raise SetupError(msg) from error
    return Transport(spec)
