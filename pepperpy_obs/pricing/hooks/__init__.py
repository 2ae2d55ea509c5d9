"""Tells bundlers of the files that are no code."""

from __future__ import annotations

from pathlib import Path

__all__ = ["folders"]


def folders() -> list[str]:
    """Return where PyInstaller finds its hook; an entry point of the package names this function."""
    return [str(Path(__file__).parent)]
