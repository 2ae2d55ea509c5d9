"""The binary form of tables and snapshots."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs.aggregate.packed import Keys, add_up, pack
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.aggregate.snapshot import EMPTY, Snapshot
from pepperpy_obs.errors import SetupError
from tests.aggregate.strategies import NOON, SECOND, History, finished, folded, histories

TRACE = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}


def of(*events: dict[str, Any]) -> Snapshot:
    """Return the snapshot of these events, one a second."""
    return folded([(event, NOON + place * SECOND) for place, event in enumerate(events)]).snapshot()


FORTY = [finished(f"call {n}") for n in range(40)]


def wrapped(ledger: bytes) -> bytes:
    """Return bytes that begin as those of a snapshot do."""
    return b"\x01" + msgspec.msgpack.encode((None, ledger))


def back(snapshot: Snapshot) -> Snapshot:
    """Return what comes back of its bytes."""
    return Snapshot.from_bytes(snapshot.to_bytes())


class TestRoundTrip:
    @settings(deadline=None)
    @given(histories(max_size=30), histories(max_size=10), st.sampled_from([None, 60, 3600.5]))
    def test_bytes_and_back(self, one: History, two: History, window: float | None) -> None:
        """Bytes keep everything that JSON keeps, of any snapshot, merged ones too, and give the same JSON."""
        end = NOON + 100_000 * SECOND
        snapshot = folded(one).snapshot(window, end).merge(folded(two).snapshot(window, end))
        assert back(snapshot) == snapshot
        assert back(snapshot).to_json() == snapshot.to_json()

    @pytest.mark.parametrize(
        "events",
        [
            [finished(model="m", input_tokens=1 << 60)] * 20,
            [finished(model="m", cost_usd=Decimal("0.123456789012345678901234567890123456789"))] * 3,
            [{"event": "metric.recorded", "metric": "m", "metric_kind": "counter", "value": 1e308}] * 3,
            [{"event": "metric.recorded", "metric": "m", "metric_kind": "histogram", "value": v} for v in (-1e300, 5)],
            [finished(outcome="error", error_type="Überlauf"), finished("été", agent="日本")],
            [finished(duration_seconds=0.25, **TRACE), finished(duration_seconds=0.5)],
            [finished(duration_seconds=0.25, trace_id="not hex", span_id="7")],
            [finished(duration_seconds=0.25, trace_id=TRACE["trace_id"].upper(), span_id=TRACE["span_id"])],
            [finished(duration_seconds=0.25, trace_id="0a 7651916cd43dd8448eb211c80319c", span_id=TRACE["span_id"])],
            [finished(duration_seconds=2.0**33) for _ in range(3)],
            [finished(duration_seconds=0.001)] * 70_000,
            [finished(duration_seconds=-1.0), finished(duration_seconds="soon")],
        ],
        ids=["tokens beyond 64 bits", "long money", "a sum beyond floats", "negative values", "letters", "an exemplar",
             "ids that are not hexadecimal", "capitals", "a blank", "292 years", "wide counts", "refused"],
    )  # fmt: skip
    def test_what_is_rare(self, events: list[dict[str, Any]]) -> None:
        """Neither numbers that are too large for a column nor ids of another form are lost."""
        snapshot = of(*events)
        assert back(snapshot) == snapshot
        assert back(snapshot).to_json() == snapshot.to_json()

    def test_what_no_fold_makes(self) -> None:
        """A snapshot that came as JSON, with figures that no fold would give, comes back too."""
        plain = of(finished(duration_seconds=0.5, **TRACE)).to_dict()
        (row,) = plain["series"]
        for change in (
            {"outcomes": {"ok": 0}},
            {"outcomes": {"ok": 1 << 70}},
            {"first": -(1 << 63), "last": 1 << 62},
            {"exemplar": [7, 0.5, NOON, "a", "b"]},
            {"duration": {**row["duration"], "scale": 3, "positive": [[-8, 1]]}},
        ):
            snapshot = Snapshot.from_dict({**plain, "series": [{**row, **change}]})
            assert back(snapshot) == snapshot

    def test_it_is_small(self) -> None:
        """A series of some calls takes a hundred bytes, where JSON takes five times as many."""
        events = [finished(f"call {n % 200}", duration_seconds=n / 1000, **TRACE) for n in range(1000)]
        snapshot = of(*events)
        assert len(snapshot.to_bytes()) < 100 * 200 < len(snapshot.to_json()) / 3


class TestSums:
    def test_a_row_of_bins_that_is_empty(self) -> None:
        """Beside values that are far apart it is packed as it is."""
        metric = {"event": "metric.recorded", "metric": "m", "metric_kind": "histogram"}
        far = of(*({**metric, "value": value} for value in (1.0, 1e19)))
        assert back(far) == far

    @settings(deadline=None)
    @given(st.lists(histories(max_size=8), max_size=6))
    def test_of_packed_tables(self, parts: list[History]) -> None:
        """Packed tables add up to what the tables add up to, however often they were packed on the way."""
        snapshots, keys = [folded(part).snapshot() for part in parts], Keys()
        packed = [pack(snapshot, keys) for snapshot in snapshots]
        expected = reduce(Snapshot.merge, snapshots, Snapshot.of(SeriesTable(), None))
        assert Snapshot.of(add_up(packed, keys), None) == expected
        twice = [pack(add_up(packed[:3], keys), keys), *packed[3:]]
        assert Snapshot.of(add_up(twice, keys), None) == expected

    @pytest.mark.parametrize("ids", [TRACE, {"trace_id": "not hex", "span_id": "7"}])
    def test_of_exemplars(self, ids: dict[str, str]) -> None:
        """Of two calls that took as long and ended together, the one whose ids sort last is shown, in any form."""
        one, two = (of(finished(duration_seconds=0.5, **given)) for given in (ids, {**TRACE, "span_id": "0" * 16}))
        keys = Keys()
        for pair in ([one, two], [two, one]):
            packed = [pack(snapshot, keys) for snapshot in pair]
            assert Snapshot.of(add_up(packed, keys), None) == one.merge(two)


class TestForeignBytes:
    @pytest.mark.parametrize(
        "packed, message",
        [
            (b"", "this is not a snapshot that Snapshot.to_bytes wrote"),
            (EMPTY.to_json().encode(), "format 123, and this version reads format 1"),
            (b"\x02" + EMPTY.to_bytes()[1:], "format 2, and this version reads format 1"),
            (of(*FORTY).to_bytes()[:-1], "Input data was truncated"),
            (of(*FORTY).to_bytes() + b"!", "trailing characters"),
            (wrapped(b"\x07\x07"), "not how a packed table begins"),
            (wrapped(pack(of(*FORTY))[:-1]), "bytes are missing at the end"),
            (wrapped(pack(of(*FORTY)) + b"!"), "or are too many"),
            (wrapped(pack(of(finished()), Keys())), "Expected `array`"),
            (wrapped(b"\x02\x01{}"), r"KeyError\('series'\)"),
        ],
    )
    def test_are_refused(self, packed: bytes, message: str) -> None:
        """Anything else is refused, with what is wrong with it."""
        with pytest.raises(SetupError, match=message):
            Snapshot.from_bytes(packed)

    @settings(deadline=None)
    @given(histories(max_size=6), st.data())
    def test_a_byte_that_changed(self, history: History, data: st.DataObject) -> None:
        """Bytes that were damaged are read, or refused with a `SetupError`; nothing else happens."""
        packed = bytearray(folded(history).snapshot().to_bytes())
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
        with suppress(SetupError):
            assert isinstance(Snapshot.from_bytes(bytes(packed)), Snapshot)
