from __future__ import annotations

from pathlib import Path

import pytest

from pepperpy_obs._guard import failures, forget
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.follow import Follow

LINE = '{"event":"operation.finished","timestamp":"2023-11-16T18:17:03.979960Z","operation":"ask","outcome":"ok"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a log that is followed."""
    return tmp_path / "app.log"


@pytest.fixture
def fold() -> Fold:
    """Return a fold into an empty store."""
    return Fold(Store())


def add(path: Path, text: str) -> None:
    """Append to a log."""
    with path.open("a") as file:
        file.write(text)


def unlike(number: int) -> str:
    """Return a line of an event of its own."""
    return f'{LINE[:-2]},"event_id":"{number:032x}"}}\n'


def test_what_is_added_is_read_once(path: Path, fold: Fold) -> None:
    """A log may appear late and grow; a line counts once it is whole."""
    follow = Follow([str(path)], fold)
    seen = []
    for text in ("", 2 * LINE, "", LINE[:20], LINE[20:] + LINE):
        if text:
            add(path, text)
        follow.poll()
        seen.append(fold.events)
    follow.close()
    assert seen == [0, 2, 2, 2, 4]


def test_rotation_loses_and_doubles_nothing(path: Path, fold: Fold) -> None:
    """Lines written before and after a rename are counted once, though the old file is followed under its new name."""
    older = path.with_suffix(".log.1")
    add(older, 3 * LINE)
    follow = Follow([str(older), str(path)], fold)
    add(path, LINE)
    for round_ in range(3):
        follow.poll()
        add(path, LINE)
        path.rename(older)
        add(older, LINE)
        add(path, LINE)
        follow.poll()
        follow.poll()
        assert fold.events == 4 + 3 * (round_ + 1)
    follow.close()
    assert fold.events == 13


def test_a_rotated_file_is_read_to_its_end(path: Path, fold: Fold, tmp_path: Path) -> None:
    """What was added just before a rename is read, even if the new name is not followed."""
    follow = Follow([str(path)], fold)
    add(path, LINE)
    follow.poll()
    add(path, LINE)
    path.rename(tmp_path / "elsewhere")
    add(path, LINE)
    for _ in range(3):
        follow.poll()
    follow.close()
    assert fold.events == 3


def test_a_file_that_is_cut_begins_anew(path: Path, fold: Fold) -> None:
    """Rotation by copying and truncating is followed as well."""
    follow = Follow([str(path)], fold)
    add(path, 2 * LINE)
    follow.poll()
    path.write_text("")
    follow.poll()
    add(path, LINE)
    follow.poll()
    follow.close()
    assert fold.events == 3


@pytest.mark.parametrize("grown", [1, 9], ids=["shorter than before", "longer than before"])
def test_what_a_copy_holds_is_read_there(path: Path, fold: Fold, caplog: pytest.LogCaptureFixture, grown: int) -> None:
    """What logrotate copies and cuts between two looks is read from its copy, however the file has grown since."""
    follow = Follow([str(path)], fold)
    add(path, 2 * LINE)
    follow.poll()
    add(path, 3 * LINE)
    path.with_name(f"{path.name}.1").write_text(path.read_text())
    path.with_name(f"{path.name}.2").write_text("of another time\n" * 100)
    path.write_text("")
    add(path, "".join(unlike(number) for number in range(grown)))
    follow.poll()
    follow.close()

    assert fold.events == 5 + grown
    assert caplog.records == []


def test_a_copy_that_is_followed_is_read_once(path: Path, fold: Fold) -> None:
    """Where the copy's name is followed as well, its lines are not read a second time."""
    copy = path.with_name(f"{path.name}.1")
    follow = Follow([str(copy), str(path)], fold)
    add(path, unlike(1) + unlike(2))
    follow.poll()
    add(path, unlike(3))
    copy.write_text(path.read_text())
    path.write_text("")
    for _ in range(2):
        follow.poll()
    follow.close()

    assert fold.events == 3


def test_a_file_that_is_not_there_is_waited_for(path: Path, fold: Fold) -> None:
    """A look says whether a file was missing, or had no lines."""
    follow = Follow([str(path)], fold)
    follow.poll()
    missing = follow.waits
    path.touch()
    follow.poll()
    empty = follow.waits
    add(path, LINE)
    follow.poll()
    found = follow.waits
    follow.close()

    assert (missing, empty, found, fold.events) == (True, True, False, 1)


def test_the_last_line_needs_no_end(path: Path, fold: Fold) -> None:
    """A line without line feed counts when no more is to come."""
    follow = Follow([str(path)], fold)
    add(path, LINE.strip())
    follow.poll()
    assert fold.events == 0
    follow.close()
    assert fold.events == 1


def test_a_cut_is_said_once(path: Path, fold: Fold, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever cuts a log may have lost lines in between: that is counted each time and logged the first time."""
    forget()
    follow = Follow([str(path)], fold)
    for _ in range(2):
        add(path, 2 * LINE)
        follow.poll()
        path.write_text("")
        follow.poll()
    follow.close()
    assert failures() == {"follow.cut": 2}
    assert [record.message for record in caplog.records] == [
        f"pepperpy_obs: {path} was cut and begun anew; what was written just before may not be counted"
    ]
    forget()
