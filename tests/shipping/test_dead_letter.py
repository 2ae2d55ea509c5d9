from __future__ import annotations

import json
from pathlib import Path

from pepperpy_obs import _guard
from pepperpy_obs.shipping.dead_letter import DeadLetters, read_letters
from pepperpy_obs.shipping.record import Record


def test_letters_are_bounded(tmp_path: Path) -> None:
    """Two files, never more bytes than allowed; the newest letters are whole and in order, those gone are counted."""
    letters = DeadLetters(tmp_path / "loki.rejected.ndjson", 4_000)
    gone = [letters.keep(Record(n, str(n), b'{"n":1}'), "too_old", "older than the limit") for n in range(200)]
    files = [tmp_path / "loki.rejected.ndjson.1", tmp_path / "loki.rejected.ndjson"]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert sum(path.stat().st_size for path in files) <= 4_000
    kept = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert [int(letter["id"]) for letter in kept] == list(range(200 - len(kept), 200))
    assert sum(gone) == 200 - len(kept)
    assert kept[-1] == {"reason": "too_old", "detail": "older than the limit", "id": "199", "event": '{"n":1}'}


def test_a_letter_longer_than_the_file_is_cut(tmp_path: Path) -> None:
    """It stays a line of JSON, says that it was cut, and those behind it can be read."""
    letters = DeadLetters(tmp_path / "loki.rejected.ndjson", 4_000)
    letters.keep(Record(0, "a", b'{"x":"' + b"\x01" * 9_000 + b'"}'), "line_too_long", "")
    letters.keep(Record(0, "b", b"{}"), "too_old", "")
    found, odd = read_letters(tmp_path / "loki.rejected.ndjson")
    assert ([(one.id, one.cut) for one in found], odd) == ([("a", True), ("b", False)], 0)


def test_a_disk_that_refuses_costs_the_letter_only(tmp_path: Path) -> None:
    """It is counted as a failure of ours, and nothing is raised."""
    letters = DeadLetters(tmp_path / "missing" / "loki.rejected.ndjson")
    assert letters.keep(Record(0, "a", b"{}"), "too_old", "") == 1
    assert set(_guard.failures()) == {"shipping.dead_letter"}
    _guard.forget()
