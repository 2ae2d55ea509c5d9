from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BANNED = {"utils", "util", "helpers", "helper", "common", "manager", "base", "core", "handler", "misc"}


def sources(*folders: str) -> list[Path]:
    """Return our Python files below the folders, in order."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function of a file with its length in lines, decorators not counted."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", lines


def test_no_file_is_longer_than_400_lines() -> None:
    """A file that outgrows 400 lines holds two ideas."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources("pepperpy_obs", "tests", "examples", "benchmarks")
    }
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_functions_are_short() -> None:
    """No function of the package is longer than 60 lines, and nine in ten are shorter than 30."""
    lengths = dict(item for path in sources("pepperpy_obs") for item in functions(path))
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}
    long = {name: lines for name, lines in lengths.items() if lines >= 30}
    assert len(long) <= len(lengths) / 10, long


def test_modules_are_named_by_the_words_of_the_field() -> None:
    """No module or folder bears a name that could hold anything."""
    names = {part for path in sources("pepperpy_obs") for part in path.relative_to(ROOT).with_suffix("").parts}
    assert {name for name in names if BANNED.intersection(name.split("_"))} == set()
