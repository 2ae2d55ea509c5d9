from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run an example in an empty folder; it must end well."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=60)


def test_quickstart(tmp_path: Path) -> None:
    """One call makes one event, and the statistics have its tokens and its price."""
    done = run("quickstart.py", tmp_path)
    [line] = done.stderr.splitlines()
    event = json.loads(line)
    assert (event["operation"], event["agent"], event["cost_usd"]) == ("answer", "writer", "0.00036000")
    assert done.stdout == "1 call, 1500 tokens, $0.00036000\n"


def test_agent_team(tmp_path: Path) -> None:
    """Tokens are the writer's and the reader's, who had answers; the editor, who called the writer, has none."""
    done = run("agent_team.py", tmp_path)
    table = done.stdout.partition("\n\n")[0]
    rows = {line.split()[0]: line.split() for line in table.splitlines()}
    assert {agent: (rows[agent][1], rows[agent][6], rows[agent][7]) for agent in ("editor", "reader", "writer")} == {
        "editor": ("1", "0", "0"),
        "reader": ("1", "1", "2,041"),
        "writer": ("6", "2", "4,240"),
    }
    assert done.stderr == ""


def test_own_structlog(tmp_path: Path) -> None:
    """The application's event and ours leave its chain as ECS, without the secrets."""
    done = run("own_structlog.py", tmp_path)
    application, ours = (json.loads(line) for line in done.stdout.splitlines())
    assert application["labels"] == {"user": "ann", "api_key": "[redacted]", "note": "key [redacted]"}
    assert (ours["message"], ours["event"]["outcome"]) == ("operation.finished login ok", "success")


def test_watch_service(tmp_path: Path) -> None:
    """The pages show the calls, the cache, the application's own metric and its own check."""
    done = run("watch_service.py", tmp_path)
    for line in (
        'pepperpy_operations_total{agent="",kind="task",operation="solve",outcome="ok"} 3.0',
        'pepperpy_cache_lookups_total{cache="areas",result="hit"} 1.0',
        'tickets_solved_tickets_total{team="geometry"} 3.0',
    ):
        assert line in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["checks"]["disk"][0]["status"] == "pass"


def test_every_example_is_tested() -> None:
    """Each example has a test that runs it."""
    tested = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    examples = [path.name for path in EXAMPLES.glob("*.py")]
    assert [name for name in examples if not re.search(rf'"{re.escape(name)}"', tested)] == []
