"""`python -m benchmarks`: sets up environments, measures group after group, prints one table, writes JSON and pictures.

Needs nothing but the standard library; the measuring is done by `worker` and its neighbours, in environments of
their own. `--smoke` only shows that all of it runs: our own group, few rounds, no figures to be believed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.environments import FOLDER, ROOT, find_python, make_ready, note
from benchmarks.plot import bars, plot_table
from benchmarks.subjects import CHAT, GROUPS, STORE, Group
from benchmarks.table import as_table, rows_of

_VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14", "3.13t", "3.14t")
_PACED: Final = ("floor", "ours: measured, JSON file", "ours: usage and cost, JSON file")


@dataclass(frozen=True)
class Scale:
    """How long to measure: numbers to be believed, or a sign of life."""

    rounds: int
    bursts: int
    calls: int
    paced: tuple[str, ...]
    scrape: tuple[str, ...]
    read: tuple[str, ...]
    memory: tuple[str, ...]
    lines: int
    hammer: int
    starts: int
    chat: tuple[str, ...]
    store: tuple[str, ...]


_FULL: Final = Scale(25, 2000, 1_000_000, (), (), (), (), 5_000_000, 50_000, 15, (), ())
_SMOKE: Final = Scale(2, 20, 5_000, ("--bursts", "100", "--repeat", "1"), ("--series", "300", "--repeat", "2"),
                      ("--series", "30", "--repeat", "2"), ("--series", "10", "30", "--repeat", "2"), 20_000, 1_000,
                      2, ("--calls", "2", "--repeat", "1"),
                      ("--sqlite", "3x2", "--postgresql", "3x2", "--minute", "3", "--hours", "1",
                       "--repeat", "1"))  # fmt: skip


def ask(python: Path, module: str, arguments: Sequence[str]) -> Any:
    """Run a module in an environment and return what its last line says; None, with a note, if it fails."""
    command = [str(python), "-m", f"benchmarks.{module}", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PEPPERPY_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        note(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


class Run:
    """One run of everything, for one version of Python."""

    def __init__(self, version: str, scale: Scale, *, only_here: bool) -> None:
        self.version = version
        self.scale = scale
        self._only_here = only_here
        self.rows: dict[str, dict[str, Any]] = {}
        self.more: dict[str, Any] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.complete = True

    def python(self, group: str) -> Path | None:
        """Return the interpreter for a group; this one, if no environments are wanted."""
        return Path(sys.executable) if self._only_here else make_ready(GROUPS[group], self.version)

    def groups(self, names: Sequence[str]) -> None:
        """Fill the table, and each subject's memory from a process of its own."""
        rounds, bursts = str(self.scale.rounds), str(self.scale.bursts)
        for group in names:
            python = self.python(group)
            if python is None:
                continue
            note(f"{group} on Python {self.version}")
            found = ask(python, "worker", [group, "--rounds", rounds, "--bursts", bursts])
            if found is None:
                self.complete = False
                continue
            self.versions[group] = found["versions"]
            for name, row in found["rows"].items():
                if name not in self.rows:
                    row["group"] = group
                    row["memory"] = self._memory(python, group, name, row["cpu"]["total"])
                    self.rows[name] = row

    def _memory(self, python: Path, group: str, name: str, ns: float) -> Any:
        """Ask a fresh process, with as many calls as fit into ten seconds; a smoke run asks for few subjects."""
        if self._only_here and name not in _PACED:
            return None
        calls = max(2000, min(self.scale.calls, int(10e9 / max(ns, 1.0))))
        return ask(python, "worker", [group, "--memory", name, "--calls", str(calls)])

    def rooms(self) -> None:
        """Measure what is no row of the table."""
        python, scale = self.python("ours"), self.scale
        if python is None:
            return
        for title, module, arguments in (
            ("event loop lateness, us", "lateness", (*_PACED, *scale.paced)),
            ("scrape", "scrape", scale.scrape),
            ("reading while threads record", "reading", scale.read),
            ("memory of windows", "memory", scale.memory),
            ("replay", "rereading", ("--lines", str(scale.lines))),
            ("import", "starting", ("--repeat", str(scale.starts))),
            ("lost counts", "losses", ("--calls", str(scale.hammer))),
            ("where the time goes", "stages", ()),
        ):
            note(title)
            self.more[title] = ask(python, module, arguments)
            self.complete &= self.more[title] is not None
        self._in_environment("the OpenAI SDK, observed", CHAT, "chat", scale.chat)
        self._in_environment("store", STORE, "storing", scale.store)

    def _in_environment(self, title: str, group: Group, module: str, arguments: Sequence[str]) -> None:
        """Measure what takes an environment of its own; a smoke run has what is installed here."""
        python = Path(sys.executable) if self._only_here else make_ready(group, self.version)
        if python is not None:
            note(title)
            self.more[title] = found = ask(python, module, arguments)
            self.complete &= found is not None

    def write(self, folder: Path) -> None:
        """Print the table and write everything."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"python{self.version}"
        found = {"when": time.strftime("%Y-%m-%d"), "python": self.version, "rows": self.rows, "more": self.more,
                 "versions": self.versions}  # fmt: skip
        (folder / f"{name}.json").write_text(f"{json.dumps(found, indent=1)}\n")
        if self.rows:
            sys.stdout.write(f"\nPython {self.version}\n{as_table(rows_of(self.rows))}\n")
            plot_table(self.rows, folder / f"{name}.svg", f"What observing adds to a call, Python {self.version}")
        for title, value in self.more.items():
            sys.stdout.write(f"\n{title}\n{json.dumps(value, indent=1)}\n")
        parts = self.more.get("where the time goes")
        if parts:
            bars(list(parts.items()), folder / f"{name}-stages.svg", "One call and its JSON line, in floors", "floors")
        sys.stdout.write(f"\nwritten to {folder}\n")


def main() -> int:
    """Run what the command line asks for; 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="only see that it runs, within half a minute, here")
    parser.add_argument("--python", nargs="+", default=["3.12"], metavar="VERSION", help="such as 3.11 3.12 3.13")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--no-rooms", action="store_true", help="the table only")
    parser.add_argument("--out", type=Path, default=FOLDER / "results", help="folder for JSON and pictures")
    given = parser.parse_args()
    if given.smoke:
        versions, scale, groups = [f"{sys.version_info[0]}.{sys.version_info[1]}"], _SMOKE, ["ours", "by hand"]
    else:
        versions, scale, groups = given.python, _FULL, given.groups
        note(f"Pythons here: {', '.join(version for version in _VERSIONS if find_python(version)) or 'none'}")
    complete = True
    for version in versions:
        run = Run(version, scale, only_here=given.smoke)
        run.groups(groups)
        if not given.no_rooms:
            run.rooms()
        run.write(given.out)
        complete &= run.complete
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
