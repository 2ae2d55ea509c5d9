"""Deliveries: what one receiver has yet to hear, and how it is told. Each has a thread of its own, a timed job's.

Theory. Notices wait by their fingerprints: of one alert only the newest is told, so what waits is bounded by the
number of alerts, and by `_MOST`. The lock guards what waits and is held for no I/O. What is not taken waits for
the next run, unless a newer notice has come; what is refused for good is dropped and counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from pepperpy_obs._guard import failed, note
from pepperpy_obs.alerting.notice import Notice
from pepperpy_obs.alerting.payloads import messages
from pepperpy_obs.alerting.posting import GoneError, PassingError, RefusedError, post
from pepperpy_obs.config.notifier import Notifier
from pepperpy_obs.readings import OutputStats

__all__ = ["CallDelivery", "Delivery", "PostDelivery"]

_MOST: Final = 1000


class Delivery:
    """What one receiver has yet to hear. `offer` for any thread, `run` for one at a time."""

    hears_all: bool = False
    """Whether it wants to hear each minute that an alert fires still."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self._waiting: dict[str, Notice] = {}
        self._sent = self._failures = 0
        self._error = ""

    def offer(self, notices: Iterable[Notice]) -> None:
        """Have it hear of these; the oldest are dropped where too many wait."""
        with self._lock:
            for notice in notices:
                if notice.is_new or self.hears_all or notice.fingerprint in self._waiting:
                    self._waiting.pop(notice.fingerprint, None)
                    self._waiting[notice.fingerprint] = notice
            while len(self._waiting) > _MOST:
                del self._waiting[next(iter(self._waiting))]
                self._failures += 1

    def run(self) -> None:
        """Tell all that waits."""
        with self._lock:
            notices, self._waiting = list(self._waiting.values()), {}
        if notices:
            left = self.tell(notices)
            with self._lock:
                self._waiting = {one.fingerprint: one for one in left} | self._waiting

    def tell(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Tell these, and return those that are to be told later."""
        raise NotImplementedError

    def stats(self) -> OutputStats:
        """Return its books: notices that were taken, and times that one was not."""
        with self._lock:
            return OutputStats(self._sent, self._failures, self._error)

    def renew(self) -> None:
        """Begin anew in a forked child: the parent tells what waited."""
        self._lock = threading.Lock()
        self._waiting = {}

    def _took(self, count: int) -> None:
        with self._lock:
            self._sent += count
            self._error = ""

    def _refused(self, text: str) -> None:
        with self._lock:
            self._failures += 1
            self._error = text
        note(f"alerts {self.name}", f"notifier {self.name!r} did not take an alert: {text}")


class PostDelivery(Delivery):
    """Posts to a notifier of the settings."""

    def __init__(self, notifier: Notifier) -> None:
        super().__init__(notifier.name)
        self.notifier = notifier
        self.hears_all = notifier.kind == "alertmanager"
        self._is_gone = False

    def tell(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Post these; a message that is refused is taken apart, so that one bad alert keeps back no other."""
        left: list[Notice] = []
        for message in messages(self.notifier, notices):
            if self._is_gone or left:
                left += [] if self._is_gone else message.notices
                continue
            try:
                post(self.notifier, message.path, message.body, self.ending)
            except PassingError as error:
                self._refused(str(error))
                left += message.notices
            except GoneError as error:
                self._is_gone = True
                self._refused(f"{error}; it is told nothing more")
            except RefusedError as error:
                self._refused(str(error))
                if len(message.notices) > 1:
                    for one in message.notices:
                        left += self.tell([one])
            else:
                self._took(len(message.notices))
        return left


class CallDelivery(Delivery):
    """Calls a function of the application's, with a plain dict for each notice."""

    def __init__(self, function: Callable[[Mapping[str, Any]], object]) -> None:
        super().__init__(getattr(function, "__qualname__", type(function).__name__))
        self._function = function

    def tell(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Call it; what it raises is counted, and it is not called again for that notice."""
        for notice in notices:
            try:
                self._function(notice.to_dict() | {"value": notice.value})
            except Exception as error:
                failed(f"alerts {self.name}", error)
                with self._lock:
                    self._failures += 1
                    self._error = f"it raised {type(error).__name__}"
            else:
                self._took(1)
        return []
