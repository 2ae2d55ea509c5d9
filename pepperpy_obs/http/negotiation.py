"""What a client of ours accepts, by its request headers (RFC 9110, section 12.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["accepts_gzip", "prefers_html", "prefers_openmetrics"]

_VERSIONS: Final = frozenset({"", "1.0.0"})


def prefers_openmetrics(accept: str) -> bool:
    """Return whether OpenMetrics 1.0.0 is asked for, and liked no less than plain text.

    It is not sent for a wildcard, nor in a version that we do not speak.

    >>> prefers_openmetrics("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
    True
    >>> prefers_openmetrics("application/openmetrics-text;version=2.0.0,*/*")
    False
    """
    openmetrics = plain = 0.0
    for media, parameters, quality in _parts(accept):
        if media == "application/openmetrics-text" and parameters.get("version", "") in _VERSIONS:
            openmetrics = max(openmetrics, quality)
        elif media == "text/plain":
            plain = max(plain, quality)
    return openmetrics > 0 and openmetrics >= plain


def prefers_html(accept: str) -> bool:
    """Return whether a page for people is asked for by name, as browsers do, and liked no less than JSON or text.

    >>> prefers_html("text/html,application/xhtml+xml,*/*;q=0.8"), prefers_html("*/*"), prefers_html("application/json")
    (True, False, False)
    """
    html = other = 0.0
    for media, _, quality in _parts(accept):
        if media == "text/html":
            html = max(html, quality)
        elif media in {"application/json", "text/plain"}:
            other = max(other, quality)
    return html > 0 and html >= other


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a body may be compressed.

    >>> accepts_gzip("deflate, gzip;q=0.5"), accepts_gzip("gzip;q=0"), accepts_gzip("")
    (True, False, False)
    """
    return any(coding in {"gzip", "*"} and quality > 0 for coding, _, quality in _parts(accept_encoding))


def _parts(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield each alternative with its parameters and its quality; one that makes no sense has the quality 0."""
    for part in header.split(","):
        word, *rest = part.split(";")
        parameters = {
            name.strip().lower(): value.strip(' "') for name, _, value in (one.partition("=") for one in rest)
        }
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        yield word.strip().lower(), parameters, quality
