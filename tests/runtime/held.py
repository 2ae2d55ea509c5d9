"""A drain that another thread holds."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

PATIENCE = 30


@contextmanager
def held(lock: Any) -> Generator[None]:
    """Have another thread hold `lock`, an `Exclusive`, inside of the block."""
    holds, enough = threading.Event(), threading.Event()

    def hold() -> None:
        holds.set()
        enough.wait(PATIENCE)

    thread = threading.Thread(target=lambda: lock.run(hold))
    thread.start()
    holds.wait(PATIENCE)
    try:
        yield
    finally:
        enough.set()
        thread.join(PATIENCE)
