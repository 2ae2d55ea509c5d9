"""The command line as its users have it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path


class CommandLine:
    """Runs `pepperpy-obs` in a folder of its own, with none of our variables set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._command = [sys.executable, "-W", "error", "-m", "pepperpy_obs.cli.main"]
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("PEPPERPY_")}

    def __call__(
        self, *arguments: str, given: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            [*self._command, *arguments],
            input=given,
            cwd=self.folder,
            env={**self._environment, **(variables or {})},
            capture_output=True,
            check=False,
            timeout=60,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    @contextmanager
    def started(self, *arguments: str) -> Generator[subprocess.Popen[str]]:
        """Start a command, and kill it in the end if it is still there."""
        with subprocess.Popen(
            [*self._command, *arguments],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
