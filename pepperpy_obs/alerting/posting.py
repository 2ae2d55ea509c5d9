"""Posts one message, and once more where that may help; the texts of its errors show no address and no key.

The rules are those of CloudEvents' webhooks: 2xx is done, no redirect is followed, 410 is for good, 429 says when.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

import tenacity

from pepperpy_obs.config.notifier import Notifier
from pepperpy_obs.errors import ObsError

__all__ = ["GoneError", "PassingError", "RefusedError", "post"]

_ATTEMPTS: Final = 3
_LONGEST_PAUSE: Final = 10.0
_LONGEST_ANSWER: Final = 2000
_PASSING: Final = frozenset({408, 425, 429})
_SHORTEST_SECRET: Final = 4


class RefusedError(ObsError):
    """The receiver does not take this message, and will not later."""


class GoneError(RefusedError):
    """The receiver wants no message any more (410)."""


class PassingError(ObsError):
    """The receiver did not take the message this time."""

    def __init__(self, text: str, pause: float = 0.0) -> None:
        super().__init__(text)
        self.pause = pause


def post(notifier: Notifier, path: str, body: bytes, ending: threading.Event) -> None:
    """Post a message, three times at most, once if `ending` is set; RefusedError or PassingError if it is not taken."""
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PassingError),
        stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_when_event_set(ending),
        wait=_pause,
        sleep=_sleep_until(ending),
        reraise=True,
    )
    attempts(_post_once, notifier, path, body)


def _sleep_until(ending: threading.Event) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        ending.wait(seconds)

    return sleep


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.pause if isinstance(error, PassingError) else 0.0
    return min(_LONGEST_PAUSE, max(asked, tenacity.wait_random_exponential(0.5, 5.0)(state)))


def _post_once(notifier: Notifier, path: str, body: bytes) -> None:
    parts = urlsplit(notifier.url)
    target = (
        f"{(parts.path or '/') if not path else parts.path.rstrip('/') + path}{'?' if parts.query else ''}{parts.query}"
    )
    headers = {"Content-Type": "application/json", "User-Agent": "pepperpy_obs"}
    if notifier.key and notifier.kind != "pagerduty":
        headers["Authorization"] = f"Bearer {notifier.key}"
    try:
        with closing(_connection(notifier)) as connection:
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            said = answer.read(_LONGEST_ANSWER).decode("utf-8", "replace").strip()
            pause = _seconds(answer.getheader("Retry-After"))
            status = answer.status
    except (OSError, HTTPException, ValueError) as error:
        text = _masked(notifier, str(error) or type(error).__name__)
        msg = f"{notifier.host} does not answer: {text}"
        raise PassingError(msg) from None
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    text = f"{notifier.host} answers with status {status}: {_masked(notifier, said[:200])}"
    if status == HTTPStatus.GONE:
        raise GoneError(text)
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PassingError(text, pause)
    raise RefusedError(text)


def _connection(notifier: Notifier) -> HTTPConnection:
    parts = urlsplit(notifier.url)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(notifier.host, parts.port, timeout=notifier.timeout, context=context)
    return HTTPConnection(notifier.host, parts.port, timeout=notifier.timeout)


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:  # a date: rare, and the exponential pause will do
        return 0.0


def _masked(notifier: Notifier, text: str) -> str:
    """Return what a receiver said without what only it and we may know."""
    parts = urlsplit(notifier.url)
    secrets = {notifier.key, notifier.url, parts.path, parts.query, parts.password or "", *parts.path.split("/")}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "...")
    return text
