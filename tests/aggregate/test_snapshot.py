from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from pepperpy_obs.aggregate.snapshot import EMPTY, Snapshot
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.errors import SetupError
from tests.aggregate.strategies import NOON, histories

CALL = {"event": "operation.finished", "operation": "ask", "outcome": "ok", "duration_seconds": 0.5}


class TestForms:
    @settings(deadline=None)
    @given(histories(max_size=30))
    def test_json_and_back(self, history: list[tuple[dict[str, Any], int]]) -> None:
        """JSON keeps everything: counts, nanoseconds, cents and the last bit of every float."""
        store = Store()
        for event, at in history:
            store.fold(event, at)
        snapshot = store.snapshot(None, NOON * 2)
        assert Snapshot.from_json(snapshot.to_json()) == snapshot
        assert Snapshot.from_json(snapshot.to_json()).to_json() == snapshot.to_json()

    def test_the_form(self) -> None:
        """The whole of a small snapshot, as it is stored and sent."""
        store = Store(attributes=["customer"])
        store.fold({**CALL, "model": "m", "input_tokens": 3, "cost_usd": "0.000001", "customer": "acme"}, NOON)
        requests = {
            "outcomes": {"ok": 1},
            "tokens": {"input": 3},
            "cost": "0.000001",
            "cost_by_type": {},
            "saved_by": {},
            "waste_by": {},
            "priced": 1,
            "unpriced": 0,
            "incidents": {},
        }
        assert json.loads(store.snapshot().to_json()) == {
            "format": 1,
            "start": NOON,
            "end": NOON,
            "window": None,
            "series": [
                {
                    "operation": "ask",
                    "agent": "",
                    "kind": "",
                    "provider": "",
                    "model": "m",
                    "outcomes": {"ok": 1},
                    "first": NOON,
                    "last": NOON,
                    "duration": {
                        "count": 1,
                        "sum": "1/2",
                        "min": 0.5,
                        "max": 0.5,
                        "zero": 0,
                        "scale": 6,
                        "positive": [[-64, 1]],
                    },
                    "requests": requests,
                }
            ],
            "attributes": [{"name": "customer", "value": "acme", **requests}],
            "days": {"2025-11-23": requests},
            "caches": {},
            "metrics": [],
            "events": {"operation.finished": 1},
            "refused": {},
            "overflow": {},
        }

    @pytest.mark.parametrize(
        "text, message",
        [
            ("not json", "this is not JSON"),
            ("[]", "this is not a snapshot that Snapshot.to_dict wrote"),
            ("{}", r"KeyError\('format'\)"),
            (EMPTY.to_json().replace('"format":1', '"format":9'), "format 9, and this version reads format 1"),
            (EMPTY.to_json().replace('"series":[]', '"series":[{}]'), r"KeyError\('outcomes'\)"),
            (EMPTY.to_json().replace('"caches":{}', '"caches":{"a":{"hit":1}}'), "unexpected keyword argument 'hit'"),
        ],
    )
    def test_what_is_no_snapshot(self, text: str, message: str) -> None:
        """Anything else is refused, with what is wrong with it."""
        with pytest.raises(SetupError, match=message):
            Snapshot.from_json(text)


class TestImmutable:
    def test_tables_are_read_only(self) -> None:
        """A reader cannot change what another reader sees."""
        store = Store()
        store.fold(CALL, NOON)
        tables: Any = store.snapshot()
        for table in (tables.series, tables.caches, tables.metrics, tables.events, tables.refused, tables.overflow):
            with pytest.raises(TypeError):
                table["x"] = 1

    def test_a_snapshot_does_not_follow_the_store(self) -> None:
        """What is folded later is not in a snapshot taken before."""
        store = Store()
        store.fold(CALL, NOON)
        before = store.snapshot()
        for _ in range(600):
            store.fold(CALL, NOON)
        assert [data.calls for data in before.series.values()] == [1]
        assert [data.calls for data in store.snapshot().series.values()] == [601]

    @pytest.mark.parametrize("window", [None, 60, 3600])
    def test_a_cut_can_be_added_up_later(self, window: float | None) -> None:
        """Pieces taken under the lock add up, outside of it, to the snapshot of that moment."""
        store = Store()
        for second in range(100):
            store.fold(CALL, NOON + second * 1_000_000_000)
        before, cut = store.snapshot(window), store.lazy_snapshot(window)
        for second in range(200):
            store.fold(CALL, NOON + second * 1_000_000_000)
        assert cut.snapshot() == before != store.snapshot(window)


class TestWindow:
    def test_the_longer_window_is_kept(self) -> None:
        """Merged snapshots name the longest of their windows; since the start is longer than any."""
        short, long, whole = (Store().snapshot(window) for window in (60, 300, None))
        assert [short.merge(long).window, long.merge(whole).window, EMPTY.merge(short).window] == [300, None, 60]
