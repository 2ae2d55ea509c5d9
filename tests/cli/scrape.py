"""What a scraper gets."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit


def scrape(url: str) -> str:
    """Return the page at an address."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=20)) as connection:
        connection.request("GET", parts.path)
        return connection.getresponse().read().decode()
