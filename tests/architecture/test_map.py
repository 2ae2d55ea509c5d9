"""tests/README.md and CONTRIBUTING.md tell of what there is."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
QUICK = re.search(r'pytest -n 2 -m "(.*)"', (ROOT / "Makefile").read_text(encoding="utf-8"))


def rows(heading: str) -> list[str]:
    """Return the names in the first column of the table below a heading."""
    table = MAP[MAP.index(f"| {heading} |") :].split("\n\n", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_every_folder_is_on_the_map() -> None:
    """Those that there are, in the order of the alphabet."""
    there = sorted(path.name for path in (ROOT / "tests").iterdir() if any(path.glob("*.py")))
    assert rows("folder") == there


def test_every_marker_is_explained() -> None:
    """Those that pytest knows, in the order of the alphabet."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert rows("marker") == sorted(marker.split(":")[0] for marker in options["markers"])


def test_what_contributors_are_told_to_run_is_there() -> None:
    """Each `make` target and each path of CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"make (\w+)", text)) <= set(targets)
    paths = re.findall(r"\]\(([^)#:]+)\)", text)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.slow
def test_every_room_is_in_the_quick_run() -> None:
    """Each folder that bears the name of a room has tests that `make quick` runs."""
    assert QUICK is not None
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-m", QUICK[1], "tests"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    rooms = {path.name for path in (ROOT / "pepperpy_obs").iterdir() if path.is_dir()} & set(rows("folder"))
    assert rooms - set(re.findall(r"^tests/(\w+)/", done.stdout, re.MULTILINE)) == set()
