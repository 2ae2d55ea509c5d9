from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.spool import Bounds

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
NOBODY = "http://127.0.0.1:9"
MIB = 1024 * 1024


def resident() -> int:
    """Return how many bytes of memory this process has."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel's
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_memory_stays_flat_for_an_hour_without_receivers(ship: Ship, event: Make) -> None:
    """After 3,600 times 1,000 events, as real bytes and as fast as the disk takes them, nothing has grown.

    All of them are on the books, the spool is within its bound, and memory is what it was after the first minutes.
    """
    shipper = ship(Elastic(url=NOBODY), Loki(url=NOBODY), bounds=Bounds(64 * MIB, 8 * MIB, 8 * MIB))
    second = [event(n, n, filler="x" * 60) for n in range(1000)]
    at_first = 0
    for n in range(3600):
        shipper.offer(second)
        if n % 12 == 11:
            assert shipper.sync(30)
        if n == 600:
            at_first = resident()
    assert resident() - at_first < 16 * MIB
    for ledger in shipper.ledgers().values():
        assert ledger.accepted == 3_600_000
        assert ledger.balanced
        assert set(ledger.dropped) == {"spool_full"}
        assert ledger.spool_bytes <= 64 * MIB
    shipper.close(2.0)
    assert shipper.ended
