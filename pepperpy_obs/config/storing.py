"""The settings of the store that outlives the process."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, field_serializer

from pepperpy_obs.config.fields import Size
from pepperpy_obs.config.shipping import ShippingSettings

__all__ = ["StoreSettings"]

_KNOWN: Final = re.compile(r"(?:sqlite:///.+|postgres(?:ql)?(?:\+psycopg)?://.+)", re.DOTALL)
_PASSWORD: Final = re.compile(r"(?<=://)([^:@/]*):[^@]*(?=@)")
_SPAN: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([smhd]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def _store(url: str | None) -> str | None:
    if url is not None and not _KNOWN.fullmatch(url):
        msg = "should be like 'sqlite:///obs.db' or 'postgresql://user@host/database'"
        raise ValueError(msg)
    return url


def _seconds(span: float | str) -> float:
    """Read a span as windows are written: seconds, or a number and a unit."""
    found = _SPAN.fullmatch(str(span).strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if seconds <= 0:
        msg = "should be seconds above 0, or a number and a unit: '48h', '90d'"
        raise ValueError(msg)
    return seconds


Url = Annotated[str | None, AfterValidator(_store), Field(repr=False)]
Span = Annotated[float | str, AfterValidator(_seconds)]


class StoreSettings(ShippingSettings):
    """Where minutes, hours and days are kept, and for how long."""

    store_url: Url = None
    """store that outlives the process, such as sqlite:///obs.db or postgresql://user@host/database; none: off"""
    store_password: SecretStr = SecretStr("")
    """password of the user in store_url, if that does not hold it"""
    store_keep_minutes: Span = 172_800.0
    """how long the store keeps intervals of 10 seconds, such as 48h"""
    store_keep_hours: Span = 7_776_000.0
    """how long the store keeps hours, such as 90d"""
    store_keep_days: Span = 34_560_000.0
    """how long the store keeps days, such as 400d"""
    store_max_waiting: Annotated[Size, Field(ge=1024 * 1024)] = 64 * 1024 * 1024
    """size of what may wait in memory for a store that is away, at least "1MiB"; past it hours are kept, not minutes"""

    @field_serializer("store_url", when_used="json")
    def _hide_password(self, url: str | None) -> str | None:
        return url and _PASSWORD.sub(r"\1:***", url)
