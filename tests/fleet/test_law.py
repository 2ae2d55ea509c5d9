"""The law of a shared directory: however processes live and die, together they give the figures of one fold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs import Config
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.fleet.directory import Directory
from pepperpy_obs.fleet.publisher import Moment, Publisher
from pepperpy_obs.fleet.source import SharedSource
from pepperpy_obs.readings import LiveState, SelfStats
from pepperpy_obs.testing import ManualClock
from tests.aggregate.strategies import NOON, SECOND, History, histories

END = NOON + 100_100 * SECOND


class Process:
    """What one process does: counts, shows, and dies."""

    def __init__(self, directory: Directory) -> None:
        self.store = Store(attributes=("customer",))
        self.publisher = Publisher(directory, self.look)

    def look(self, known: int) -> Moment:
        """Return the moment."""
        return Moment(END, self.store.state(known), LiveState({("ask", ""): 1}), SelfStats({"full": 1}))

    def die(self) -> None:
        """End after the state was shown, so that the lock is free."""
        self.publisher.publish()
        held = self.publisher._held
        assert held is not None
        held.close()


steps = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["show", "die", "take in", "nothing", "nothing"])),
    min_size=30,
    max_size=30,
)


@pytest.mark.quick
@settings(max_examples=60)
@given(histories(max_size=30), steps)
def test_many_processes_give_what_one_fold_gives(history: History, drawn: list[tuple[int, str]]) -> None:
    """Every figure of every series, to the last digit of money, in all, in windows and in steps."""
    with tempfile.TemporaryDirectory() as folder, ManualClock(END / 1e9):
        directory = Directory(Path(folder))
        directory.prepare()
        whole = Store(attributes=("customer",))
        living = [Process(directory) for _ in range(3)]
        deaths = 0
        for (event, at), (which, what) in zip(history, drawn, strict=False):
            whole.fold(event, at)
            living[which].store.fold(event, at)
            if what == "show":
                living[which].publisher.publish()
            elif what == "die":
                living[which].die()
                living[which] = Process(directory)
                deaths += 1
            elif what == "take in":
                living[which].publisher._take_in_dead()
        for process in living:
            process.publisher.publish()
        source = SharedSource(directory, Config(config_file=None))
        for window in (None, 86_400, 3600, 300):
            assert source.reading(window).snapshot.to_dict() == whole.snapshot(window, END).to_dict(), window
        reading = source.reading()
        assert reading.live.active == {("ask", ""): 3}
        assert reading.own.dropped == {"full": 3 + deaths}
        if whole.first is not None:
            found = [one.snapshot.to_dict() for one in source.history("24h", "1h")]
            assert found == [one.snapshot().to_dict() for one in whole.lazy_steps(steps_like(source), END)]


def steps_like(source: SharedSource) -> list[range]:
    """Return the hours of the latest day that a source has steps of."""
    starts = [one.snapshot.start or 0 for one in source.history("24h", "1h")]
    return [range(start, start + 3600 * SECOND) for start in starts]
