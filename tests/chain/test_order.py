"""The documented order of the links is the order in which they are built."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pepperpy_obs import Config
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.chain import build_chain, order
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.outputs.line_output import LineOutput
from tests.chain.calls import Kept

DESIGN = Path(__file__).parents[2] / "docs" / "design.md"


def documented(text: str) -> list[str]:
    """Return the names between the arrows of the one line that has them."""
    (line,) = re.findall(r"^ *context -> .*$", text, re.MULTILINE)
    return [name.strip() for name in line.split("->")]


@pytest.mark.parametrize("text", [order.__doc__ or "", DESIGN.read_text(encoding="utf-8")], ids=["module", "docs"])
def test_the_documented_order_is_the_built_one(text: str) -> None:
    """Every link is named, in its place, and no link is named that is not there."""
    config = Config(config_file=None, service="shop", log_sample_rate=0.5, log_level="info")
    chain = build_chain(config, Store(), outputs=[LineOutput("kept", json_lines, Kept())])
    built = [link.stage.replace("_", " ") for link in (*chain._counted, *chain._leaving)]

    assert documented(text) == [*built, "outputs"]


def test_each_link_has_its_reason() -> None:
    """The list below the order says of each link why it stands where it stands."""
    text = order.__doc__ or ""
    reasons = re.findall(r"^\* ([a-z, ]+):", text, re.MULTILINE)

    assert ", ".join(reasons).split(", ") == documented(text)
