"""Opens a store to write to or to read from, and loads what that takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pepperpy_obs.errors import SetupError

if TYPE_CHECKING:
    from pepperpy_obs.config import Config
    from pepperpy_obs.storage.source import StoredSource
    from pepperpy_obs.storage.writer import StoreWriter

__all__ = ["open_source", "open_writer"]


def open_writer(config: Config) -> StoreWriter | None:
    """Return the writer to the store that `config` names, its schema ready; None if it names none.

    SetupError for what a person has to mend: a file that cannot be written, a newer schema, a login that is refused.
    A server that does not answer is no such thing: intervals wait until it does.
    """
    url = config.store_url
    if url is None:
        return None
    with _loading("store_url is set, and"):
        from pepperpy_obs.storage.database import Database  # noqa: PLC0415 - loads SQLAlchemy
        from pepperpy_obs.storage.writer import StoreWriter  # noqa: PLC0415 - as above

        writer = StoreWriter(Database(url, config.store_password.get_secret_value(), creates=True), config)
    writer.prepare()
    return writer


def open_source(url: str, config: Config) -> StoredSource:
    """Return what a store holds, as a source; SetupError if there is none, or of a newer schema."""
    with _loading(f"a source {url.partition(':')[0]}:"):
        from pepperpy_obs.storage.database import Database  # noqa: PLC0415 - loads SQLAlchemy
        from pepperpy_obs.storage.source import StoredSource  # noqa: PLC0415 - as above

        found = StoredSource(Database(url, config.store_password.get_secret_value(), creates=False), config)
    found.check()
    return found


@contextmanager
def _loading(what: str) -> Generator[None]:
    """Say what to install where a library is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        msg = f"{what} takes {error.name!r}, which is missing: pip install 'pepperpy_obs[store]'"
        raise SetupError(msg) from error
