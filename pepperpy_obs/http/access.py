"""Access: host names, a token or a password, and TLS.

The names of hosts guard against DNS rebinding: a page in a person's browser, at a name that its owner lets point to
127.0.0.1, could read ours else. An address in numbers cannot be rebound, so it is always accepted.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from socket import gethostname
from typing import TYPE_CHECKING, Final, Self

from pepperpy_obs.errors import SetupError

if TYPE_CHECKING:
    from pepperpy_obs.config import Config

__all__ = ["Access"]

_ALWAYS: Final = frozenset({"localhost", gethostname().lower()})
_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Access:
    """What a request must show. By default: a host name of this machine, and nothing else."""

    hosts: frozenset[str] = frozenset()
    """Further host names, in small letters; "*" is any."""
    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return what the settings ask for; raises SetupError for half of a pair, or a file that is none."""
        password = config.metrics_password.get_secret_value()
        if bool(config.metrics_user) != bool(password):
            msg = "metrics_user and metrics_password go together; give both, or neither"
            raise SetupError(msg)
        return cls(
            frozenset(name.lower() for name in config.metrics_allowed_hosts),
            config.metrics_bearer_token.get_secret_value(),
            config.metrics_user,
            password,
            _tls(config),
        )

    def admits_host(self, header: str | None, bound: str) -> bool:
        """Tell whether the Host header names this machine; a client of HTTP/1.0 may send none.

        >>> access = Access(frozenset({"shop.default.svc"}))
        >>> [access.admits_host(name, "127.0.0.1") for name in ("localhost:8000", "shop.default.svc", "evil.example")]
        [True, True, False]
        """
        if header is None or _ANY in self.hosts:
            return True
        name = _name(header)
        return name in _ALWAYS or name in self.hosts or name == bound.lower() or _is_address(name)

    def admits(self, authorization: str | None) -> bool:
        """Tell whether the Authorization header is the one that is asked for, if one is. In constant time."""
        if not self.token and not self.user:
            return True
        scheme, _, given = (authorization or "").strip().partition(" ")
        if scheme.lower() == "bearer" and self.token:
            return _same([(given.strip(), self.token)])
        if scheme.lower() == "basic" and self.user:
            user, _, password = _decoded(given).partition(":")
            return _same([(user, self.user), (password, self.password)])
        return False

    @property
    def challenge(self) -> str:
        """The WWW-Authenticate header of a refusal."""
        return 'Basic realm="pepperpy_obs"' if self.user else 'Bearer realm="pepperpy_obs"'


def _tls(config: Config) -> ssl.SSLContext | None:
    if config.metrics_cert_file is None:
        if config.metrics_key_file is not None:
            msg = "metrics_key_file is given without metrics_cert_file; give the certificate, too"
            raise SetupError(msg)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.metrics_cert_file, config.metrics_key_file, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        msg = (
            f"metrics_cert_file {str(config.metrics_cert_file)!r} cannot be used: {error}; "
            "give a certificate in PEM, with its key in it or in metrics_key_file, without a password"
        )
        raise SetupError(msg) from error
    return context


def _no_password() -> str:
    """Ask no person on a terminal for the password of a key."""
    return ""


def _name(header: str) -> str:
    """Return the host of a Host header without its port and brackets."""
    text = header.strip().lower().rstrip(".")
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, _, port = text.rpartition(":")
    return (name if name and port.isdigit() else text).rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _same(pairs: Iterable[tuple[str, str]]) -> bool:
    """Compare all pairs, however early one differs."""
    same = [hmac.compare_digest(one.encode(errors="replace"), other.encode()) for one, other in pairs]
    return all(same)
