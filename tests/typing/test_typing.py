from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("checker", [["mypy"], ["pyright", "--warnings"]], ids=lambda checker: checker[0])
def test_decorated_functions_keep_their_types(checker: list[str]) -> None:
    """Both checkers accept every line of accepted.py, and refuse just those of refused.py that say so."""
    command = [sys.executable, "-m", *checker, str(HERE)]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
