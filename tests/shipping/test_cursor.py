from __future__ import annotations

from pathlib import Path

import pytest

from pepperpy_obs.shipping.cursor import START, Cursor, Position


def reopened(path: Path) -> Position:
    """Return where the cursor of a file stands."""
    cursor = Cursor(path)
    cursor.close()
    return cursor.position


def test_a_cursor_stands_where_it_was_left(tmp_path: Path) -> None:
    """What was stored is loaded; a new cursor stands at its default and keeps that."""
    path = tmp_path / "loki.cursor"
    cursor = Cursor(path, Position(1, 2, 3))
    assert reopened(path) == Position(1, 2, 3)
    for number in range(5):
        cursor.store(Position(0, number * 10, number))
    cursor.close()
    assert reopened(path) == Position(0, 40, 4)


@pytest.mark.parametrize("torn", range(0, 128, 7))
def test_a_torn_write_costs_one_step_at_most(tmp_path: Path, torn: int) -> None:
    """Whichever bytes a crash spoils in the slot being written, the cursor is at its last or last but one position."""
    path = tmp_path / "loki.cursor"
    cursor = Cursor(path)
    cursor.store(Position(0, 10, 1))
    cursor.store(Position(0, 20, 2))
    cursor.close()
    data = bytearray(path.read_bytes())
    if torn < len(data):
        data[torn] ^= 0xFF
    path.write_bytes(data)
    assert reopened(path) in {Position(0, 10, 1), Position(0, 20, 2)}


def test_a_spoilt_cursor_sends_again_rather_than_never(tmp_path: Path) -> None:
    """With both slots damaged it stands at the very start."""
    path = tmp_path / "loki.cursor"
    path.write_bytes(b"\xff" * 100)
    assert reopened(path) == START
