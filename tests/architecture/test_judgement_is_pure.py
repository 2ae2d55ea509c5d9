"""Judgement is a function of readings: it starts nothing, reads nothing and waits for nothing."""

from __future__ import annotations

import ast
from pathlib import Path

ROOM = Path(__file__).parents[2] / "pepperpy_obs" / "judgement"
IMPURE = {
    "asyncio",
    "concurrent",
    "http",
    "os",
    "pathlib",
    "queue",
    "signal",
    "socket",
    "subprocess",
    "threading",
    "time",
}


def test_it_imports_nothing_that_acts() -> None:
    """No thread, no file, no socket and no clock; the import contract keeps the runtime away."""
    found = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.split(".")[0] for name in names}

    assert found & IMPURE == set()
