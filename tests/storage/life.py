"""What a process does to its store, step by step: counted, written, rolled up, ended and begun again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pepperpy_obs import Config
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.names import SeriesNames
from pepperpy_obs.storage.rollup import roll_up_hours, roll_up_minutes
from pepperpy_obs.storage.writer import StoreWriter
from tests.aggregate.strategies import NOON, SECOND

END: Final = NOON + 100_100 * SECOND


class Life:
    """Processes that fold and store, one after the other."""

    def __init__(self, url: str, **options: Any) -> None:
        self.config = Config(config_file=None, store_url=url, **options)
        self.database = Database(url, creates=True)
        self.whole = Store(attributes=("customer",))
        self.restart()

    def restart(self) -> None:
        """End the process and start another one."""
        if hasattr(self, "writer"):
            self.flush()
        self.store = Store(attributes=("customer",))
        self.writer = StoreWriter(self.database, self.config)
        self.store.on_closed = self.writer.take

    def fold(self, event: dict[str, Any], at: int) -> None:
        """Count an event here and in the fold that it is to be equal to."""
        self.store.fold(event, at)
        self.whole.fold(event, at)

    def flush(self) -> None:
        """Write everything."""
        self.store.close()
        self.writer.flush()

    def roll_up(self, before: int = END // SECOND) -> None:
        """Roll up what there is."""
        self.flush()
        for roll_up in (roll_up_minutes, roll_up_hours):
            while roll_up(self.database, before, SeriesNames()):
                pass

    def step(self, name: str) -> None:
        """Do what is drawn."""
        steps: dict[str, Callable[[], object]] = {
            "flush": self.flush,
            "roll up": self.roll_up,
            "restart": self.restart,
            "nothing": list,
        }
        steps[name]()
