"""Asks a page of another process, within bounds: so many seconds in all, and so many bytes."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from pepperpy_obs import _clock
from pepperpy_obs.errors import SetupError, SourceError

if TYPE_CHECKING:
    from pepperpy_obs.config import Config

__all__ = ["Address", "fetch", "refusal"]

_LONGEST: Final = 64 * 1024 * 1024
"""A reading of 10,000 series has about 20 MB."""
_PIECE: Final = 256 * 1024


class Address:
    """Where a service is, and as whom it is asked: by the user info of the URL, or else by the settings.

    `http://name:password@host` is a user, `http://token@host` a bearer token.
    """

    def __init__(self, url: str, config: Config) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1 or parts.query or parts.fragment:
            msg = f"{_hidden(parts)!r} is no address of a service; give one such as http://127.0.0.1:8000"
            raise SetupError(msg)
        self.url = _hidden(parts).rstrip("/")
        """Without credentials, for texts."""
        self.host, self.port, self.path = parts.hostname, port, parts.path.rstrip("/")
        self.headers: Mapping[str, str] = _credentials(parts, config)
        self._tls = _trust(config) if parts.scheme == "https" else None

    def connect(self, timeout: float) -> HTTPConnection:
        """Return a connection that is to be opened yet."""
        if self._tls is None:
            return HTTPConnection(self.host, self.port, timeout=timeout)
        return HTTPSConnection(self.host, self.port, timeout=timeout, context=self._tls)


def fetch(address: Address, page: str, *, timeout: float) -> tuple[int, bytes]:
    """Return the status and body of a page; SourceError if there is no answer in time, or none that is bounded."""
    left = _clock.countdown(timeout)
    try:
        with closing(address.connect(timeout)) as connection:
            connection.request("GET", address.path + page, headers={**address.headers, "User-Agent": "pepperpy_obs"})
            answer = connection.getresponse()
            body = bytearray()
            while piece := answer.read1(_PIECE):
                body += piece
                if len(body) > _LONGEST or not left():
                    msg = f"the answer did not end within {_LONGEST} bytes and {timeout:g} s"
                    raise TimeoutError(msg)
                if connection.sock is not None:
                    connection.sock.settimeout(left())
            return answer.status, bytes(body)
    except (OSError, HTTPException, ValueError) as error:
        msg = f"{address.url} does not answer: {str(error) or type(error).__name__}"
        raise SourceError(msg) from error


def refusal(address: Address, status: int, body: bytes) -> SourceError | SetupError:
    """Return the error for an answer that is not the page that was asked for."""
    said = body[:300].decode(errors="replace").strip()
    if status == HTTPStatus.BAD_REQUEST:
        return SetupError(f"{address.url}: {said}")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        advice = "give them in the URL (http://user:password@host, http://token@host), or set metrics_bearer_token"
        return SourceError(f"{address.url} wants other credentials (status {status}); {advice}, or metrics_user")
    if status == HTTPStatus.NOT_FOUND:
        return SourceError(f"{address.url} has no such page: is it a service of pepperpy_obs, of this version?")
    return SourceError(f"{address.url} answers with status {status}: {said}")


def _credentials(parts: SplitResult, config: Config) -> dict[str, str]:
    name, password = unquote(parts.username or ""), parts.password
    token = config.metrics_bearer_token.get_secret_value()
    if name and password is None:
        token = name
    elif password is None:
        name, password = config.metrics_user, config.metrics_password.get_secret_value()
    if name and password:
        pair = f"{name}:{unquote(password)}" if parts.password is not None else f"{name}:{password}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


def _hidden(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl()


def _trust(config: Config) -> ssl.SSLContext:
    """Return whom we trust: the system's authorities, and the certificate of our own pages if there is one."""
    context = ssl.create_default_context()
    if config.metrics_cert_file is not None:
        try:
            context.load_verify_locations(str(config.metrics_cert_file))
        except (OSError, ssl.SSLError) as error:
            msg = f"metrics_cert_file {str(config.metrics_cert_file)!r} cannot be read: {error}; give PEM"
            raise SetupError(msg) from error
    return context
