"""The words: one table, and the documents that are made of it."""

import re
import subprocess
import sys
from pathlib import Path

from pepperpy_obs import events

DOCS = Path(__file__).parents[1] / "docs"


def test_every_key_is_spelled_once() -> None:
    """No two rows of the table name the same key."""
    names = [field.name for field in events.FIELDS]

    assert len(names) == len(set(names))


def test_the_page_of_events_is_the_table() -> None:
    """docs/events.md is what make_events.py would write today."""
    done = subprocess.run([sys.executable, str(DOCS / "make_events.py"), "--check"], check=False)

    assert done.returncode == 0, "run: python docs/make_events.py"


def test_keys_of_ours_never_need_quoting() -> None:
    """Every key is a lower case identifier, so that each back end takes it as a field name."""
    assert [field.name for field in events.FIELDS if not re.fullmatch(r"[a-z][a-z0-9_]*", field.name)] == []
