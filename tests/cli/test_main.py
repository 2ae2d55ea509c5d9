from __future__ import annotations

import importlib.metadata
import json
import shlex
import subprocess
import sys

import pytest

from pepperpy_obs import __version__
from pepperpy_obs.cli.main import main
from pepperpy_obs.formats.lines import encode
from tests.cli.command import CommandLine

VERBS = [
    "demo",
    "replay",
    "cost",
    "serve",
    "health",
    "anomalies",
    "trends",
    "config",
    "doctor",
    "resend",
    "run",
    "alerts",
]


def test_the_script_is_this_one() -> None:
    """The installed command `pepperpy-obs` is `pepperpy_obs.cli.main:main`."""
    [script] = importlib.metadata.entry_points(group="console_scripts", name="pepperpy-obs")
    assert script.load() is main


def test_an_unknown_verb_is_an_error_that_lists_the_verbs(cli: CommandLine) -> None:
    """Exit code 2, and standard error names what is accepted."""
    done = cli("repaly")
    assert (done.returncode, done.stdout) == (2, "")
    assert all(verb in done.stderr for verb in ["repaly", *VERBS])


def test_without_a_verb_help_is_shown(cli: CommandLine) -> None:
    """Exit code 2, and each verb has its line."""
    done = cli()
    assert done.returncode == 2
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ") and line[4] != " "] == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` says what a verb does, and each takes --json."""
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_wrong_settings_are_one_sentence(cli: CommandLine) -> None:
    """A bad variable is told with its name, its value and what is accepted; there is no traceback."""
    done = cli("config", variables={"PEPPERPY_METRICS_PORT": "eighty"})
    assert done.returncode == 2
    assert done.stderr.startswith("pepperpy-obs config: environment variable PEPPERPY_METRICS_PORT: metrics_port was ")
    assert "'eighty'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_error(cli: CommandLine) -> None:
    """`pepperpy-obs config | head -1` ends in silence."""
    python = shlex.quote(sys.executable)
    head = f"{python} -c 'import os; os.write(1, os.read(0, 1))'"
    command = f"{python} -m pepperpy_obs.cli.main config --json | {head}"
    done = subprocess.run(["sh", "-c", command], cwd=cli.folder, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{", "")


def test_the_version_is_the_packages(cli: CommandLine) -> None:
    """`--version` says it."""
    assert cli("--version").stdout == f"pepperpy-obs {__version__}\n"


@pytest.fixture
def log(cli: CommandLine) -> str:
    """Return a log whose names are in no encoding but Unicode's."""
    event = {"timestamp": "2026-11-01T12:00:00Z", "event": "operation.finished", "operation": "größe-日本"}
    (cli.folder / "app.log").write_bytes(encode(event) + b"\n")
    return "app.log"


@pytest.mark.parametrize("verb", ["replay", "cost", "health"])
@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["ascii", "latin", "C"],
)
def test_a_narrow_terminal_gets_its_tables(cli: CommandLine, log: str, verb: str, variables: dict[str, str]) -> None:
    """What cannot be shown is a question mark; JSON loses nothing."""
    done = cli(verb, log, variables=variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert "gr" not in done.stdout or "gr??e-??" in done.stdout
    json.loads(cli(verb, log, "--json", variables=variables).stdout)


@pytest.mark.parametrize("closed,said", [(">&-", 0), ("<&-", 0), (">&- 2>&-", 0)])
def test_closed_streams_are_no_error(cli: CommandLine, log: str, closed: str, said: int) -> None:
    """As under cron or a daemon: nothing is written into the file that is opened next, and nothing complains."""
    before = (cli.folder / log).read_bytes()
    command = f"{shlex.quote(sys.executable)} -m pepperpy_obs.cli.main replay {log} {log} {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=cli.folder, capture_output=True, text=True, check=False)
    assert done.returncode == said
    assert "Traceback" not in done.stderr
    assert (cli.folder / log).read_bytes() == before


@pytest.mark.parametrize("verb", [["--help"], ["config"], ["cost", "--help"]])
def test_without_docstrings_there_is_less_help(cli: CommandLine, verb: list[str]) -> None:
    """`python -OO` takes them away, and everything goes on working."""
    command = [sys.executable, "-OO", "-m", "pepperpy_obs.cli.main", *verb]
    done = subprocess.run(command, cwd=cli.folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
