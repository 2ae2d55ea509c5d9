from __future__ import annotations

from pepperpy_obs.export.families import DURATION
from pepperpy_obs.export.histograms import Histograms
from tests.still import AT, Still

LATER = AT + 60_000_000_000


def test_rows_of_unchanged_cells_are_remembered(still: Still) -> None:
    """A series that saw no call since the last scrape gives the very same row, any other a new one."""
    histograms = Histograms()
    still.fold(operation="idle", outcome="ok", duration_seconds=1.0)
    still.fold(operation="busy", outcome="ok", duration_seconds=1.0)
    still.fold(operation="busy", outcome="ok", duration_seconds=1.0, at=LATER)
    first = histograms.rows(DURATION, still.reading().snapshot)
    still.fold(operation="busy", outcome="ok", duration_seconds=3.0, at=LATER)
    second = histograms.rows(DURATION, still.reading().snapshot)

    idle, busy = ("idle", "", ""), ("busy", "", "")
    assert second[idle] is first[idle]
    assert (first[busy].counts[-1], first[busy].sum) == (2, 2.0)
    assert (second[busy].counts[-1], second[busy].sum) == (3, 5.0)


def test_a_row_is_made_anew_when_its_cells_are_others(still: Still) -> None:
    """A second model of the same operation joins its row, though the first one's cell is as it was."""
    histograms = Histograms()
    still.fold(operation="ask", model="a", outcome="ok", duration_seconds=1.0)
    still.fold(operation="tell", outcome="ok", duration_seconds=1.0, at=LATER)
    assert histograms.rows(DURATION, still.reading().snapshot)["ask", "", ""].counts[-1] == 1
    still.fold(operation="ask", model="b", outcome="ok", duration_seconds=1.0, at=LATER)
    assert histograms.rows(DURATION, still.reading().snapshot)["ask", "", ""].counts[-1] == 2


def test_series_that_are_gone_are_forgotten(still: Still) -> None:
    """After the runtime has started afresh, nothing of the old series is shown or kept."""
    histograms = Histograms()
    still.fold(operation="ask", outcome="ok", duration_seconds=1.0)
    histograms.rows(DURATION, still.reading().snapshot)
    still.store.clear()
    assert histograms.rows(DURATION, still.reading().snapshot) == {}
    assert histograms._known == {DURATION: ({}, {})}
