from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

import pepperpy_obs
from pepperpy_obs import _guard
from pepperpy_obs.pricing import Pricer, hooks, sources
from pepperpy_obs.pricing.genai import GenaiPrices
from pepperpy_obs.pricing.source import PriceQuery, PriceResult

NOW = 1_795_435_200_000_000_000
PACKAGE = Path(pepperpy_obs.__file__).parent
OVERRIDES = Path("pepperpy_obs") / "pricing" / "overrides.toml"
ASKED = """
from pepperpy_obs import Config, configure, costed, health, stats

configure(Config(config_file=None, log_format="none"))

@costed(provider="PROVIDER")
def ask():
    return {"model": "MODEL", "usage": {"prompt_tokens": 1000000, "completion_tokens": 0}}

for _ in range(20):
    ask()
cost = stats().cost
print(f"{cost.total_cost.normalize():f}", cost.priced_calls, cost.unpriced_calls, health().status)
"""


def copied(folder: Path) -> Path:
    """Copy the package without what is compiled."""
    shutil.copytree(PACKAGE, folder / "pepperpy_obs", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def told(path: Path, provider: str, model: str) -> tuple[str, str]:
    """Return what a process says that imports the package from `path`, on both streams."""
    code = ASKED.replace("PROVIDER", provider).replace("MODEL", model)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(path), "PATH": ""},
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.strip(), done.stderr


def test_a_bundle_without_our_overrides(tmp_path: Path) -> None:
    """Prices of genai-prices go on, and it is said once that ours are not there."""
    site = copied(tmp_path)
    (site / OVERRIDES).unlink()
    said, complaint = told(site, "openai", "gpt-4o-mini")
    assert said == "3 20 0 pass"
    assert complaint.count("pepperpy_obs failed at 'prices'") == 1


def test_a_bundle_whose_overrides_are_broken(tmp_path: Path) -> None:
    """A table of ours that cannot be read is left out."""
    site = copied(tmp_path)
    (site / OVERRIDES).write_bytes(b"[[price]")
    assert told(site, "openai", "gpt-4o-mini")[0] == "3 20 0 pass"


def test_pyinstaller_is_told_of_our_overrides() -> None:
    """The hook, which an entry point names, puts the table where the package looks for it."""
    (folder,) = hooks.folders()
    (data,) = runpy.run_path(str(Path(folder) / "hook-pepperpy_obs.py"))["datas"]
    assert (Path(data[0]), Path(data[1])) == (PACKAGE.parent / OVERRIDES, OVERRIDES.parent)
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    room, _, name = project["entry-points"]["pyinstaller40"]["hook-dirs"].partition(":")
    assert (room, name) == (hooks.__name__, hooks.folders.__name__)


def test_a_zip_file(tmp_path: Path) -> None:
    """From within a zip file, our overrides are found as in a folder."""
    site = copied(tmp_path / "folder")
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for file in site.rglob("*"):
            out.write(file, file.relative_to(site))
    said, complaint = told(archive, "mistral", "mistral-large-latest")
    assert (said, complaint) == ("10 20 0 pass", "")


def test_a_library_that_does_not_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the user's table, our overrides or the provider says is a price yet; the rest has none."""

    def broken(source: GenaiPrices, wanted: PriceQuery, at: int) -> PriceResult:
        raise ImportError("No module named 'genai_prices'")

    monkeypatch.setattr(GenaiPrices, "find", broken)
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "m"\ninput = 1\n', encoding="utf-8")
    pricer = Pricer(path)
    before = _guard.failures().get("prices", 0)
    costs = [
        pricer.price({"input_tokens": 1_000_000, **event}, NOW)
        for event in (
            {"provider": "acme", "model": "m"},
            {"provider": "mistral", "model": "mistral-large-latest"},
            {"provider": "openai", "model": "gpt-4o", "reported_cost_usd": Decimal(3)},
            {"provider": "openai", "model": "gpt-4o"},
        )
    ]
    assert [None if cost is None else cost.total for cost in costs] == [1, Decimal("0.5"), 3, None]
    assert _guard.failures()["prices"] > before


def test_a_failure_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be asked, or not be read, is asked again in the next minute; until then there is no price."""
    find = GenaiPrices.find
    broken = [True]

    def sometimes(source: GenaiPrices, wanted: PriceQuery, at: int) -> PriceResult:
        if broken[0]:
            raise OSError(24, "Too many open files")
        return find(source, wanted, at)

    def unreadable(package: str) -> Path:
        if broken[0]:
            raise OSError(24, "Too many open files")
        return PACKAGE / "pricing"

    monkeypatch.setattr(GenaiPrices, "find", sometimes)
    monkeypatch.setattr(sources, "files", unreadable)
    pricer = Pricer()
    events = [
        {"provider": "mistral", "model": model, "input_tokens": 10**6}
        for model in ("mistral-large-latest", "mistral-small-latest")
    ]
    assert [pricer.price(event, NOW) for event in events] == [None, None]
    broken[0] = False
    assert [pricer.price(event, NOW + 1) for event in events] == [None, None]
    costs = [pricer.price(event, NOW + 60 * 10**9) for event in events]
    assert [None if cost is None else cost.total for cost in costs] == [Decimal("0.5"), Decimal("0.15")]


def test_a_pricing_that_fails_at_each_answer(tmp_path: Path) -> None:
    """Where pricing fails at each answer, costs and health say so."""
    code = """
import pepperpy_obs.pricing.pricer as room

def broken(*_):
    raise ZeroDivisionError

room.Pricer.price = broken
"""
    site = copied(tmp_path)
    link = site / "pepperpy_obs" / "processors" / "pricing.py"
    link.write_text(link.read_text(encoding="utf-8") + code, encoding="utf-8")
    assert told(site, "openai", "gpt-4o-mini")[0] == "0 0 20 warn"
