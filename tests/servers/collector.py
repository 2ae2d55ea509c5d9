"""A real OpenTelemetry collector, which prints what it takes."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def rotel(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Run Streamfold's collector (PyPI `rotel`) and return its address and the file that it prints to."""
    spec = importlib.util.find_spec("rotel")
    if spec is None or spec.origin is None:
        pytest.skip("the collector is not there: pip install rotel==0.0.1a15")
    agent = Path(spec.origin).with_name("rotel-agent")
    agent.chmod(0o755)
    if subprocess.run([agent, "--version"], check=False, capture_output=True).returncode:
        pytest.skip("the collector does not start: it wants the shared library of Python, Debian's libpython3.x")
    with socket.create_server(("127.0.0.1", 0)) as http, socket.create_server(("127.0.0.1", 0)) as grpc:
        ports = http.getsockname()[1], grpc.getsockname()[1]
    command = [
        str(agent),
        "start",
        "--exporter",
        "blackhole",
        *("--debug-log", "logs", "--debug-log", "traces", "--debug-log", "metrics"),
        "--debug-log-verbosity",
        "detailed",
    ]
    places = ["--otlp-http-endpoint", f"127.0.0.1:{ports[0]}", "--otlp-grpc-endpoint", f"127.0.0.1:{ports[1]}"]
    output = tmp_path / "rotel.out"
    with output.open("wb") as file:
        running = subprocess.Popen([*command, *places], stdout=file, stderr=file)
        yield f"http://127.0.0.1:{ports[0]}", output
        running.terminate()
        running.wait(10)
