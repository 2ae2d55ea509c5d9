"""Asks a running service, or the log that it writes, whether all is well."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pepperpy_obs import Config, HealthChecker, SetupError
from pepperpy_obs.cli.replay import fold_files, opened, tell
from pepperpy_obs.judgement.report import CheckResult, HealthReport
from pepperpy_obs.replay.source import LogSource

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "For probes: exit code 0 if nothing has failed (a warning is no failure), 1 if something has, or if the "
        "service does not answer. Limits are those of Config; see the verb config."
    )
    parser.add_argument(
        "files", nargs="*", metavar="SOURCE", help="judge the end of these log files; or a URL, as --url"
    )
    parser.add_argument("--url", help="the service's /health (default: that of metrics_host and metrics_port)")
    parser.add_argument("--timeout", type=float, default=5.0, metavar="S", help="seconds to wait for it (default: 5)")


def run(options: argparse.Namespace) -> int:
    """Print a health report."""
    if options.files and options.url:
        msg = f"both {options.files[0]!r} and --url {options.url!r}; give log files, or the address of a service"
        raise SetupError(msg)
    if len(options.files) == 1 and urlsplit(options.files[0]).scheme in {"http", "https"}:
        options.url = f"{options.files[0].rstrip('/')}/health"
        return _of_service(options)
    return _of_files(options) if options.files else _of_service(options)


def _of_files(options: argparse.Namespace) -> int:
    if (found := opened(options.files, Config())) is not None:
        report = HealthChecker(found).check()
        print(json.dumps(report.to_dict()) if options.json else report)
        return 0 if report.status != "fail" else 1
    source = LogSource(Config())
    fold_files(options.files, source.fold)
    tell(source.fold)
    report = HealthChecker(source).check()
    print(json.dumps(report.to_dict()) if options.json else report)
    return 0 if report.status != "fail" and source.fold.events else 1


def _of_service(options: argparse.Namespace) -> int:
    config = Config()
    url = options.url or f"http://{config.metrics_host}:{config.metrics_port}/health"
    status, plain = _ask(url, options.timeout)
    print(json.dumps(plain) if options.json else _report(plain))
    return 0 if status == HTTPStatus.OK else 1


def _ask(url: str, timeout: float) -> tuple[int, Any]:
    """Return the answer's status and report; one that says what is wrong if there is no report to be had."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"--url {url!r}; give an address such as http://127.0.0.1:8000/health"
        raise SetupError(msg)
    try:
        status, body = _get(parts, timeout)
        plain = json.loads(body)
        _report(plain)
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{url} gives no health report: {error}"
        return 0, {"status": "fail", "output": text, "checks": {"service": [{"status": "fail", "output": text}]}}
    return status, plain


def _get(parts: SplitResult, timeout: float) -> tuple[int, bytes]:
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(connect(parts.hostname or "", parts.port, timeout=timeout)) as connection:
        connection.request("GET", f"{parts.path or '/health'}{'?' if parts.query else ''}{parts.query}")
        answer = connection.getresponse()
        return answer.status, answer.read()


def _report(plain: Any) -> HealthReport:
    """Return a report as it was before it became `application/health+json`."""
    found = {name: results[0] for name, results in plain["checks"].items()}
    return HealthReport(0, {name: CheckResult(name, one["status"], one["output"]) for name, one in found.items()})
