"""The table of rooms in the design page is the import contract."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def documented() -> list[list[str]]:
    """Return the rooms of each floor in the page's table, from the roof down."""
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = page[page.index("| floor | rooms") : page.index("## Why is so little done")]
    rows = [line.split("|")[2] for line in table.splitlines()[2:] if line.startswith("|")]
    return [sorted(re.findall(r"`([a-z_]+)`", row)) for row in rows]


def contracted() -> list[list[str]]:
    """Return the rooms of each layer of the contract that are built: those in brackets are planned."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (one["layers"] for one in contracts if one["id"] == "floors")
    floors = [[room for room in re.split(r"[ |]+", layer) if not room.startswith("(")] for layer in layers]
    return [sorted(floor) for floor in floors if floor]


def test_the_documented_floors_are_those_of_the_contract() -> None:
    """Each room stands in the page, on the floor that the contract puts it on."""
    assert documented() == contracted()
