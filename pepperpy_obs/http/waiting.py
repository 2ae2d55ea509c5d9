"""The handle of a server whose port another process of the same service has: it takes over when that one ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from pepperpy_obs._guard import failed
from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.server import AbsentServer, MetricsServer, TakenPortError

__all__ = ["WaitingServer"]

_EVERY: Final = 1.0
"""Seconds between two tries."""


class WaitingServer(AbsentServer):
    """Tries to listen each second, until it does or is closed. A forked child does not go on trying."""

    def __init__(self, host: str, port: int, listen: Callable[[], MetricsServer]) -> None:
        super().__init__(host, port)
        self._listen = listen
        self._found: MetricsServer | None = None
        self._end = threading.Event()
        self._waiting = threading.Thread(target=self._wait, name="pepperpy_obs-server-waiting", daemon=True)
        self._waiting.start()

    @property
    def listening(self) -> bool:
        """Whether it answers by now."""
        return self._found is not None and self._found.listening

    def close(self) -> None:
        """Stop trying, or listening. Idempotent."""
        self._end.set()
        self._waiting.join(timeout=1.0)
        if self._found is not None:
            self._found.close()

    def _wait(self) -> None:
        while not self._end.wait(_EVERY):
            try:
                self._found = self._listen()
            except TakenPortError:
                continue
            except SetupError as error:
                failed("server", error)
            return
