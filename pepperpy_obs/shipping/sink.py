"""What every receiver over HTTP has in common: where it is, how we identify ourselves, how much goes at once.

A sink is a frozen set of facts with two pure functions: `encode`, records in and request out, and `judge`, answer in
and outcomes out. It opens no connection.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit
from zlib import compressobj

from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Answer, Payload, Request, SendResult

__all__ = ["SinkSpec"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, kw_only=True)
class SinkSpec(ABC):
    """One receiver. Secrets are left out of its repr.

    Raises:
        SetupError: An address, a name, a file or a combination of credentials is not acceptable.
    """

    kind: ClassVar[str]
    url: str
    """Its root, `https://loki.example:3100`; the path of the protocol is added."""
    name: str = ""
    """The name in metrics, of its cursor and its dead-letter file; by default the kind."""
    user: str = ""
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    """As Elastic gives it: base64 of `id:key`."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    ca_file: Path | None = None
    """PEM of the authorities to trust instead of the system's."""
    client_cert: Path | None = None
    client_key: Path | None = None
    gzip: bool = True
    batch_bytes: int = 1_000_000
    """Of events, before compression."""
    batch_records: int = 2000
    linger: float = 0.5
    """How many seconds a batch that is not full waits for more."""
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    retry_first: float = 0.5
    """The longest first pause, in seconds; it doubles, and the pause is anything below it (full jitter)."""
    retry_most: float = 60.0
    retry_after_most: float = 300.0
    """The longest pause that a receiver may ask for."""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.kind)
        if not _NAME.fullmatch(self.name):
            msg = f"a sink cannot be named {self.name!r}: give up to 64 letters, digits, '_' and '-'"
            raise SetupError(msg)
        self._check_url()
        given = [name for name in ("user", "bearer_token", "api_key") if getattr(self, name)]
        if len(given) > 1:
            msg = f"sink {self.name!r} has {' and '.join(given)}: give one kind of credentials"
            raise SetupError(msg)
        self._check_headers()
        self._check_files()

    def _check_url(self) -> None:
        try:
            address = urlsplit(self.url)
            port = address.port
        except ValueError as error:
            msg = f"sink {self.name!r} cannot send to its URL: {error}; give one like 'https://host:port'"
            raise SetupError(msg) from None
        if "@" in self.url:
            msg = f"sink {self.name!r} has credentials in its URL, where logs would show them: give user and password"
            raise SetupError(msg)
        shown = re.sub(r"(?<=[?#]).+", "...", self.url, flags=re.DOTALL)  # a token often stands there
        if address.scheme not in {"http", "https"} or not address.hostname or port == 0 or not self.url.isprintable():
            msg = f"sink {self.name!r} cannot send to {shown!r}: give a URL like 'https://host:port'"
            raise SetupError(msg)
        if set("?#").intersection(self.url):
            msg = f"sink {self.name!r} cannot send to {shown!r}: give it without '?' and '#'"
            raise SetupError(msg)

    def _check_headers(self) -> None:
        for name, value in self.identification().items():
            if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                # Its value may be a secret.
                msg = (
                    f"sink {self.name!r} has a header {name!r} that HTTP cannot carry: give printable ASCII characters"
                )
                raise SetupError(msg)

    def _check_files(self) -> None:
        for option in ("ca_file", "client_cert", "client_key"):
            path = getattr(self, option)
            if path is not None and not Path(path).is_file():
                msg = f"{option} of sink {self.name!r} is {str(path)!r}: there is no such file; give a PEM file"
                raise SetupError(msg)
        if self.client_key is not None and self.client_cert is None:
            msg = f"sink {self.name!r} has a client_key and no client_cert: give both, or both in one client_cert file"
            raise SetupError(msg)

    def identification(self) -> dict[str, str]:
        """Return the headers with our credentials, which are secrets."""
        found = dict(self.headers)
        if self.user:
            found["Authorization"] = "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()
        elif self.bearer_token:
            found["Authorization"] = f"Bearer {self.bearer_token}"
        elif self.api_key:
            found["Authorization"] = f"ApiKey {self.api_key}"
        return found

    def request(self, path: str, content_type: str, body: bytes) -> Request:
        """Return the request for a body, compressed if that is wanted.

        Level 1 takes a tenth of the time that level 6 takes for a few per cent more bytes (facts: 700 MB/s). The
        compressed bytes hold no time of day, so that the same records make the same request.
        """
        headers = {"Content-Type": content_type}
        if self.gzip:
            packer = compressobj(1, wbits=31)
            body = packer.compress(body) + packer.flush()
            headers["Content-Encoding"] = "gzip"
        return Request(path, body, headers)

    def partition(self, records: Sequence[Record]) -> Sequence[Sequence[int]]:
        """Return the places of the records by request: those of one part may go in one; most receivers take any."""
        return (range(len(records)),)

    @abstractmethod
    def encode(self, payload: Payload) -> Request:
        """Return the request that carries the payload; the same payload makes the same bytes."""

    @abstractmethod
    def judge(self, payload: Payload, answer: Answer) -> SendResult:
        """Return what the answer to `encode(payload)` means."""
