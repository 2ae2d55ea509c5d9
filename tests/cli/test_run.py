"""`pepperpy-obs run`: a program whose clients are hooked, with its own start of Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = str(Path(__file__).parents[2])
APP = """\
import sys
from pepperpy_obs.integrations.clients import statuses
waiting = [finder for finder in sys.meta_path if type(finder).__module__.startswith("pepperpy_obs")]
print(sorted({name.partition(".")[0] for name in waiting[0].awaited}), sys.argv[1:], getattr(sys, "own_start", None))
"""


def started(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verb with an application in `tmp_path`, which has a `sitecustomize` of its own."""
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.own_start = 'seen'", encoding="utf-8")
    path = os.pathsep.join((str(tmp_path), REPOSITORY))
    return subprocess.run(
        [sys.executable, "-m", "pepperpy_obs.cli.main", "run", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
    )


def test_a_program_runs_with_its_clients_hooked(tmp_path: Path) -> None:
    """It has the arguments that it was given, and its own `sitecustomize` has run."""
    done = started(tmp_path, "--clients", "openai,groq", "--", sys.executable, "app.py", "--port", "1")
    assert done.stdout == "['groq', 'openai'] ['--port', '1'] seen\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_decides_its_exit_code(tmp_path: Path) -> None:
    """The verb becomes the program."""
    assert started(tmp_path, "--", sys.executable, "-c", "raise SystemExit(7)").returncode == 7


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "no program was given"),
        (["--", "no-such-program"], "'no-such-program' is no program on the PATH"),
        (["--clients", "opena", "--", sys.executable], "did you mean 'openai'?"),
    ],
)
def test_what_is_asked_wrongly(arguments: list[str], words: str, tmp_path: Path) -> None:
    """Nothing is run, and the message says what to write."""
    done = started(tmp_path, *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_importing_one_module_hooks_the_clients(tmp_path: Path) -> None:
    """For programs that are started by others: gunicorn's settings, Celery's `--include`."""
    code = (
        "import json, sys, pepperpy_obs.integrations.auto;"
        "from pepperpy_obs.integrations.clients.importing import _FINDER;"
        "print(json.dumps([_FINDER in sys.meta_path, sorted(_FINDER.awaited)]))"
    )
    environment = {**os.environ, "PYTHONPATH": REPOSITORY, "PEPPERPY_INSTRUMENT": "together"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert json.loads(done.stdout) == [True, ["together._base_client"]]
