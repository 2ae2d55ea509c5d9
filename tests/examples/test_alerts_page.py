"""docs/alerts.md: its programs run, its settings are accepted, and it names every figure."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pepperpy_obs import Config
from pepperpy_obs.config.rule import COUNTS, QUANTILES, SHARES, SPECIAL

PAGE = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()


@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_its_programs_run(program: str, tmp_path: Path) -> None:
    """Each in a process of its own, without a word of complaint."""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_its_settings_are_accepted(tmp_path: Path) -> None:
    """The rule goes to the receiver that the file names."""
    [settings] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "obs.toml"
    path.write_text(settings)
    config = Config(config_file=path)
    assert [(rule.name, rule.notify) for rule in config.rules] == [("dear", ("ops", "log"))]
    assert [one.name for one in config.notifiers] == ["ops"]


def test_it_names_every_figure() -> None:
    """In the table of figures, and no other."""
    table = PAGE.partition("## Figures")[2].partition("`typical_response_time` is")[0]
    told = set(re.findall(r"`(\w+)`", table))
    assert told == {*COUNTS, *SHARES, *QUANTILES, *SPECIAL, "anomaly"}
