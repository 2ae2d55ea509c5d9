from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pepperpy_obs import _guard
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.spool import Bounds

Ship = Callable[..., Shipper]


@pytest.fixture
def ship(tmp_path: Path, no_thread_left: None) -> Iterator[Ship]:
    """Return a function that makes a shipper with small bounds, ended with the test."""
    made: list[Shipper] = []

    def make(*sinks: SinkSpec, bounds: Bounds | None = None) -> Shipper:
        made.append(Shipper(sinks, tmp_path / "spool", bounds=bounds, fsync="never", instance="host"))
        return made[-1]

    yield make
    for shipper in made:
        shipper.close(1.0)
    _guard.forget()


@pytest.fixture
def event() -> Callable[..., Record]:
    """Return a function that makes a record of an event."""

    def make(number: int, at: int, **fields: object) -> Record:
        key = f"{number:032x}"
        body = {"timestamp": "2026-11-23T12:00:00.000000Z", "event": "test", "event_id": key, "n": number, **fields}
        return Record(at, key, json.dumps(body).encode())

    return make
