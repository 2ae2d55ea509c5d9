"""One virtual environment for each group of peers that can live together, made on first use below `build/bench`.

That folder is ignored by git; `make clean` removes it. Nothing is fetched once it is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.subjects import Group

__all__ = ["FOLDER", "ROOT", "find_python", "make_ready"]

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "build" / "bench"


def find_python(version: str) -> Path | None:
    """Return a Python of that minor version: on the path, or where pyenv keeps its own."""
    places = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places += [str(path) for path in sorted(pyenv.glob(f"{version}*/bin/python{version}"), reverse=True)]
    for place in filter(None, places):
        asked = [place, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        # A shim of pyenv's answers with an error unless that version is switched on.
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - found on the path
        if answer.returncode == 0 and answer.stdout.strip() == version.removesuffix("t"):
            return Path(place)
    return None


def make_ready(group: Group, version: str) -> Path | None:
    """Return the Python of the group's environment; None, with a note, if it cannot be made here."""
    folder = FOLDER / version / group.environment
    python, stamp = folder / "bin" / "python", folder / "installed"
    wanted = "\n".join((*group.requirements, *group.alone))
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    interpreter = find_python(version)
    if interpreter is None:
        note(f"no Python {version} here: left out")
        return None
    note(f"setting up {folder.relative_to(ROOT)}")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    commands = [[str(interpreter), "-m", "venv", "--clear", str(folder)], [*pip, *group.requirements]]
    if group.alone:
        commands.append([*pip, "--no-deps", *group.alone])
    for command in commands:
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:  # noqa: S603 - our own commands
            note(f"cannot install {' '.join(group.requirements)} for Python {version}: left out")
            return None
    stamp.write_text(wanted)
    return python


def note(text: str) -> None:
    """Say what is going on, beside the table."""
    sys.stderr.write(f"benchmarks: {text}\n")
