from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import CommandLine


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """Return a command line in an empty folder."""
    return CommandLine(tmp_path)
