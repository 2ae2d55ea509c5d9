"""README.md and the pages it links to: what they say is what happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pepperpy_obs
from pepperpy_obs.cli.main import VERBS
from pepperpy_obs.export.families import FAMILIES
from pepperpy_obs.testing import captured

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
CHANCE = {"timestamp", "event_id", "trace_id", "span_id", "duration_seconds", "price_version"}
AFTERWARDS = """
from pepperpy_obs import PrometheusExporter
print(PrometheusExporter().text())
"""


def blocks(language: str, page: str = "README.md") -> list[str]:
    """Return the code blocks of a page that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)


def test_the_readmes_call_makes_the_event_and_the_metrics_that_it_shows(tmp_path: Path) -> None:
    """The first block, run as it stands, logs the event of the second and exposes the lines of the third."""
    [code], [shown], [lines] = blocks("python"), blocks("json"), blocks("text")
    configured = "from pepperpy_obs import Config, configure\nconfigure(Config(log_format='json'))\n"
    arguments = [sys.executable, "-W", "error", "-c", configured + code + AFTERWARDS]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    event, told = json.loads(done.stderr), json.loads(shown)
    assert list(event) == list(told)
    assert steady(event) == steady(told)
    assert [line for line in lines.splitlines() if line not in done.stdout.splitlines()] == []


def test_the_readmes_first_block_shows_something(tmp_path: Path) -> None:
    """Run as it stands it prints what the call cost, and whose it was."""
    arguments = [sys.executable, "-W", "error", "-c", blocks("python")[0]]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert "total cost            $0.0003600" in done.stdout
    assert re.search(r"^writer +1 +1,500 +\$0\.0003600 ", done.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize("code", blocks("python", "docs/deployment.md"))
def test_every_block_of_the_page_on_deployment_runs(code: str, tmp_path: Path) -> None:
    """Each block runs as it stands, and what it asserts holds; the lifespan is entered and left as a server does."""
    if "def lifespan(" in code:
        code += (
            "\nimport asyncio\nasync def live():\n    async with lifespan(None):\n        pass\nasyncio.run(live())\n"
        )
    arguments = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.startswith("http://127.0.0.1:")) == (0, "lifespan" in code), done.stderr


def steady(event: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs from run to run."""
    return {name: value for name, value in event.items() if name not in CHANCE}


def test_the_readme_is_short() -> None:
    """A newcomer reads at most a hundred lines."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link of a page names something that is there."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def rows() -> list[list[str]]:
    """Return the cells of the table of metrics."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    text = text[text.index("| metric | in code |") :]
    table = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table]


def test_every_metric_is_where_the_table_says() -> None:
    """Each expression of the table can be evaluated, and each family is one of ours."""
    with captured():
        names = {"stats": pepperpy_obs.stats, "health": pepperpy_obs.health}
        for _, expression, _ in rows():
            eval(expression, names)
    families = {family.name for family in FAMILIES}
    assert [family for _, _, family in rows() if family and family not in families] == []


def test_the_customers_list_is_in_the_table(shared: Callable[[str], Path]) -> None:
    """Every metric that the customer's document lists has a row of its own."""
    text = shared("customer-document.md").read_text()
    listed = re.findall(
        r"^- (.+?) *$", text.partition("## Available Metrics")[2].partition("## Using")[0], re.MULTILINE
    )
    assert len(listed) > 10
    assert sorted(set(listed) - {metric for metric, _, _ in rows()}) == []


def test_every_verb_is_in_the_pages_table() -> None:
    """docs/command-line.md names the verbs that there are, and no others."""
    told = re.findall(r"^\| `(\w+)[^`]*` \|", (ROOT / "docs" / "command-line.md").read_text(), re.MULTILINE)
    assert told == [module.__name__.rpartition(".")[2] for module in VERBS]
