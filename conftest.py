"""Runs every Python block of README.md and docs/ as a test; docstrings are left to pytest's own doctests."""

from __future__ import annotations

import os
import tempfile
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from pepperpy_obs import Config, _dispatch

pytest_plugins = ["pytester"]  # for the tests of tests/conftest.py itself


def begin(namespace: dict[str, Any]) -> None:
    """Let each page begin as a process does: with nothing counted, in an empty folder."""
    namespace["_folder"] = folder = tempfile.TemporaryDirectory()
    namespace["_before"] = Path.cwd()
    os.chdir(folder.name)
    runtime = _dispatch.runtime()
    runtime.configure(Config(config_file=None, log_format="none"))
    runtime.shutdown()
    runtime._drain.exclusively(runtime._store.clear)  # noqa: SLF001 - no process of a user forgets


def end(namespace: dict[str, Any]) -> None:
    """Leave the folder."""
    _dispatch.runtime().shutdown()
    os.chdir(namespace["_before"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE), SkipParser()],
    patterns=["README.md", "docs/*.md"],
    setup=begin,
    teardown=end,
).pytest()
