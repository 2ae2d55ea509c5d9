"""A real Prometheus server beside the tests, on the loopback interface only."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

T = TypeVar("T")
Labels = tuple[tuple[str, str], ...]


def tool(name: str) -> str:
    """Return the path of a program of Prometheus's, or skip the test and say what is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not on PATH; Debian has it in the package prometheus")
    return path


def eventually(find: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
    """Return what `find` finds as soon as it finds it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := find()) is not None:
            return found
        time.sleep(0.1)
    msg = f"{what} did not happen within {seconds:g} s"
    raise AssertionError(msg)


class Prometheus:
    """Scrapes some addresses, four times a second, for as long as its block lasts."""

    def __init__(self, folder: Path, *targets: str) -> None:
        self._program = tool("prometheus")
        self._folder = folder
        self._targets = [target.removeprefix("http://") for target in targets]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        config = self._folder / "prometheus.yml"
        job = {"job_name": "ours", "static_configs": [{"targets": self._targets}]}
        # JSON is YAML.
        times = {"scrape_interval": "250ms", "scrape_timeout": "250ms"}
        config.write_text(json.dumps({"global": times, "scrape_configs": [job]}), encoding="utf-8")
        self._process = subprocess.Popen(
            [
                self._program,
                f"--config.file={config}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
                "--log.level=error",
            ]
        )
        eventually(self._ready, "the start of Prometheus")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def _ready(self) -> bool | None:
        assert self._process is not None
        assert self._process.poll() is None, "Prometheus has ended"
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200) or None
        except URLError:
            return None

    def ask(self, path: str, **query: str) -> Any:
        """Return the data of an API call."""
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, promql: str) -> dict[Labels, float]:
        """Return the values of a PromQL query by their labels, but those that name the target."""
        return {
            tuple(sorted((k, v) for k, v in one["metric"].items() if k not in {"__name__", "job", "instance"})): float(
                one["value"][1]
            )
            for one in self.ask("query", query=promql)["result"]
        }

    def value(self, promql: str) -> float | None:
        """Return the only value of a query, None if it has none yet."""
        found = self.query(promql)
        assert len(found) <= 1, found
        return next(iter(found.values()), None)
