"""The one room with an HTTP client and with tenacity: one request at a time, and the patience to make it again.

Nothing of what the client logs about our own requests reaches a handler: shipped logs that make logs never end.
"""

from __future__ import annotations

import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import tenacity

from pepperpy_obs import _clock
from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping.results import Answer, Request, retry_after
from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["Pause", "Transport", "persist", "post_again"]

_LOGGERS = ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy", "httpcore2.socks")
_LONGEST_ANSWER = 16 * 1024 * 1024
"""Some 16 KB for each of the documents of a full bulk request."""
_SHORTEST_SECRET = 6
_BUSY = frozenset({429, 502, 503, 504})
_LONGEST_WAIT = 5.0
"""Seconds that a reader waits for a busy receiver, whatever that asks for."""
_NEVER_REACHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_ours = threading.local()


def _not_ours(_: logging.LogRecord) -> bool:
    """Let through what the application does with the same client."""
    return not getattr(_ours, "posting", False)


class AnswerTooLongError(ValueError):
    """An answer has more bytes than are kept."""


class Transport:
    """A connection to one sink, kept open between requests; used by one thread, aborted by any.

    Raises:
        SetupError: A certificate or key cannot be read.
    """

    def __init__(self, spec: SinkSpec) -> None:
        self._root = spec.url.rstrip("/")
        self._headers = {**spec.identification(), "User-Agent": "pepperpy_obs"}
        self._secrets = _secrets(spec)
        self._timeout = httpx2.Timeout(spec.read_timeout, connect=spec.connect_timeout)
        self._patience = spec.read_timeout * 1e9
        self._verify = _trust(spec)
        self._client: httpx2.Client | None = None
        self._socket: socket.socket | None = None
        self._aborted = False
        for name in _LOGGERS:
            # A filter is added once only, however often the same function is given.
            logging.getLogger(name).addFilter(_not_ours)

    def post(self, request: Request) -> Answer:
        """Make one request and return its answer, or in words why none came; it never raises for what a network does.

        A request that failed half way is not made again in here: the caller knows what may be repeated.
        """
        if self._aborted:
            return Answer(0, b"aborted", reached=False)
        _ours.posting = True
        try:
            with self._opened().stream(
                "POST",
                self._root + request.path,
                content=request.body,
                headers=dict(request.headers),
                extensions={"trace": self._trace},
            ) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status_code, self._body(answer), headers, secrets=self._secrets)
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, ValueError) as error:
            text = f"{type(error).__name__}: {error}".encode()
            reached, too_long = not isinstance(error, _NEVER_REACHED), isinstance(error, AnswerTooLongError)
            return Answer(0, text, reached=reached, secrets=self._secrets, too_long=too_long)
        finally:
            _ours.posting = False

    def _body(self, answer: httpx2.Response) -> bytes:
        """Return the body; the server decides neither its length nor the time that it takes."""
        started = _clock.perf_counter_ns()
        body = bytearray()
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > _LONGEST_ANSWER:
                msg = f"the answer is longer than {_LONGEST_ANSWER} bytes"
                raise AnswerTooLongError(msg)
            if _clock.perf_counter_ns() - started > self._patience:
                msg = f"the answer did not end within {self._patience / 1e9:.0f} s"
                raise ValueError(msg)
        return bytes(body)

    def _opened(self) -> httpx2.Client:
        if self._client is None:
            self._client = httpx2.Client(
                headers=self._headers,
                timeout=self._timeout,
                verify=self._verify,
                limits=httpx2.Limits(max_connections=1),
            )
        return self._client

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Remember the socket, so that a request that hangs can be ended from outside."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete", "proxy.start_tls.complete"}:
            found = info["return_value"].get_extra_info("socket")
            self._socket = found if isinstance(found, socket.socket) else None
            if self._aborted:
                self.abort()

    def abort(self) -> None:
        """End the request in flight at once, from any thread, and answer none any more."""
        self._aborted = True
        if (found := self._socket) is not None:
            with suppress(OSError):
                # For TLS, too, the plain socket: no goodbye is sent to a peer that does not read.
                socket.socket.shutdown(found, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None
        self._socket = None


def post_again(transport: Transport, request: Request) -> Answer:
    """Make a request that changes nothing, up to four times while the receiver is busy; return the last answer."""
    jittered = tenacity.wait_random_exponential(multiplier=0.2, max=2)

    def wait(state: tenacity.RetryCallState) -> float:
        answer = state.outcome.result() if state.outcome is not None else None
        named = retry_after(answer, datetime.now(UTC), _LONGEST_WAIT) if isinstance(answer, Answer) else None
        return jittered(state) if named is None else named

    again: tenacity.Retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(_is_busy),
        wait=wait,
        stop=tenacity.stop_after_attempt(4),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome is not None else None,
        sleep=lambda seconds: _clock.sleep(seconds),  # noqa: PLW0108 - looked up when it is called
    )
    found: Answer = again(transport.post, request)
    return found


def _is_busy(answer: Answer) -> bool:
    """Tell whether another try may succeed: the receiver is busy, or the connection broke in the middle."""
    return answer.status in _BUSY or (answer.status == 0 and answer.reached and not answer.too_long)


def _secrets(spec: SinkSpec) -> tuple[str, ...]:
    """Return what no text may repeat, the longest first: credentials, plain and as they are sent."""
    sent = {value for name, value in spec.identification().items() if name not in spec.headers}
    found = {spec.password, spec.bearer_token, spec.api_key, *spec.headers.values()}
    found |= {value.partition(" ")[2] for value in sent} - {""}
    return tuple(sorted((one for one in found if len(one) >= _SHORTEST_SECRET), key=len, reverse=True))


def _trust(spec: SinkSpec) -> ssl.SSLContext | bool:
    """Return the authorities that we trust, and our certificate; the system's where the sink names none."""
    if spec.ca_file is None and spec.client_cert is None:
        return True
    try:
        context = ssl.create_default_context(cafile=spec.ca_file)
        if spec.client_cert is not None:
            context.load_cert_chain(spec.client_cert, spec.client_key)
    except (ssl.SSLError, OSError) as error:
        msg = f"the certificates of sink {spec.name!r} cannot be read: {error}; give unencrypted PEM files"
        raise SetupError(msg) from error
    return context


@dataclass(frozen=True, slots=True)
class Pause:
    """An attempt has to be made again; after `seconds` if the receiver said so, and slowly when `held`."""

    seconds: float | None = None
    held: bool = False


def persist(
    attempt: Callable[[], Pause | None],
    spec: SinkSpec,
    stop: threading.Event,
    sleep: Callable[[float], None] | None = None,
) -> bool:
    """Make the attempt until it needs no pause; return False when `stop` was set before that, at once.

    The pause is random below a limit that doubles from `retry_first` to `retry_most` (full jitter: after an outage
    the senders of a fleet do not come back together), unless the receiver named one.
    """

    def wait(state: tenacity.RetryCallState) -> float:
        pause = state.outcome.result() if state.outcome is not None else None
        if isinstance(pause, Pause) and pause.seconds is not None:
            # Those that were told the same time would come back at the same time.
            return pause.seconds + random.uniform(0, spec.retry_first)  # noqa: S311
        if isinstance(pause, Pause) and pause.held:
            return random.uniform(spec.retry_most / 2, spec.retry_most)  # noqa: S311
        return jittered(state)

    jittered = tenacity.wait_random_exponential(multiplier=spec.retry_first, max=spec.retry_most)
    again: tenacity.Retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda pause: pause is not None),
        wait=wait,
        stop=tenacity.stop_when_event_set(stop),
        sleep=sleep or tenacity.sleep_using_event(stop),
    )
    try:
        again(attempt)
    except tenacity.RetryError:
        return False
    return True
