from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pepperpy_obs"

ROOMS = {
    "genai_prices": ("pricing.genai",),
    "httpx2": ("shipping.transport",),
    "msgspec": (
        "aggregate",
        "export.families",
        "fleet.state",
        "formats",
        "replay.elastic",
        "replay.loki",
        "reports",
        "shipping",
    ),
    "opentelemetry": ("integrations.opentelemetry",),
    "prometheus_client": ("export.prometheus",),
    "pydantic": ("config",),
    "pydantic_settings": ("config",),
    "pytest": ("pytest_plugin",),
    "sqlalchemy": ("storage",),
    "structlog": ("chain", "processors", "runtime.structlog_output"),
    "tenacity": ("alerting.posting", "shipping.transport"),
}
"""Each outside library and the only rooms that may name it."""

HEAVY = [
    "celery",
    "genai_prices",
    "httpx",
    "httpx2",
    "msgspec",
    "opentelemetry",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "pydantic_settings",
    "sqlalchemy",
    "starlette",
    "tenacity",
    "uvicorn",
]


def imports(path: Path) -> Iterator[str]:
    """Yield the top-level name of every absolute import of a file, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def outsiders() -> Iterator[tuple[str, str]]:
    """Yield (module, library) for every import of something that is neither ours nor Python's own."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for library in imports(path):
            if library != "pepperpy_obs" and library not in sys.stdlib_module_names:
                yield module, library


def test_each_outside_library_has_one_room() -> None:
    """No module names an outside library but those of the library's own room."""
    strays = [
        f"{module} imports {library}"
        for module, library in outsiders()
        if not any((module + ".").startswith(room + ".") for room in ROOMS.get(library, ()))
    ]
    assert strays == []


def test_each_core_dependency_is_used() -> None:
    """What everybody has to install is what the package imports, and no more."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split("[<>=]", line)[0].replace("-", "_") for line in project["dependencies"]}
    # pydantic comes with pydantic-settings, the HTTP client with genai-prices or an extra, the others with one; and
    # pytest loads the plugin.
    others = {"pydantic", "httpx2", "opentelemetry", "pytest", "sqlalchemy"}
    assert {library for _, library in outsiders()} - declared == others
    assert declared - {library for _, library in outsiders()} == set()


@pytest.mark.parametrize(
    "code",
    [
        "import pepperpy_obs",
        "from pepperpy_obs import costed, measured\nmeasured(costed(lambda: {}))()",
        "import pepperpy_obs\nwith pepperpy_obs.measure('parse'), pepperpy_obs.agent('a'): pass",
    ],
)
def test_the_front_door_is_light(code: str) -> None:
    """Importing the package and measuring a call loads no library that only a reader, a price or an output needs."""
    command = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "pepperpy_obs" in loaded
    assert sorted(loaded.intersection(HEAVY)) == []
