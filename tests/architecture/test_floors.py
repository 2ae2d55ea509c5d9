from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]


def test_every_import_contract_is_kept() -> None:
    """The floors, the fence between emitting and collecting, and the absence of circles hold for every import."""
    lint = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_the_roof_uses_the_front_door() -> None:
    """The front door reaches every room, so a room that came in through it would stand in a circle."""
    importers = grimp.build_graph("pepperpy_obs", cache_dir=None).find_modules_that_directly_import("pepperpy_obs")
    assert {name for name in importers if not name.startswith(("pepperpy_obs.cli.", "pepperpy_obs.testing"))} == set()
