"""A real Alertmanager takes what we send, and answers as was recorded."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import Notifier
from pepperpy_obs.alerting.delivery import PostDelivery
from pepperpy_obs.alerting.notice import time_text
from tests.alerting.test_delivery import FIRING

BINARY = shutil.which("prometheus-alertmanager")
pytestmark = pytest.mark.skipif(
    BINARY is None, reason="Alertmanager is not installed: apt install prometheus-alertmanager"
)


@pytest.fixture(name="url", scope="module")
def an_alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one, and return its address."""
    place: Path = tmp_path_factory.mktemp("alertmanager")
    (place / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(BINARY), f"--config.file={place / 'am.yml'}", f"--storage.path={place}"]
    command += [f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address="]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _await(url)
            yield url
        finally:
            process.terminate()


def free_port() -> int:
    """Return a port that is free at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _await(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/-/ready", timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("Alertmanager did not start")


def shown(url: str) -> list[dict[str, Any]]:
    """Return the alerts that it has."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def status_of(url: str, body: object, kind: str = "application/json") -> int:
    """Post a body as it is, and return the status."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/api/v2/alerts", data, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_it_shows_an_alert_until_it_hears_of_its_end(url: str) -> None:
    """With labels, annotations and both times; sent again it is the same alert; resolved it is gone."""
    now = time.time_ns()
    firing = replace(FIRING, labels={**FIRING.labels, "customer.id": "ü"}, starts_at=now, ends_at=now + 240 * 10**9)
    sent = PostDelivery(Notifier("am", "alertmanager", url))
    for notice in (firing, replace(firing, is_new=False)):
        sent.offer([notice])
        sent.run()
    [found] = [one for one in shown(url) if one["labels"]["alertname"] == "dear"]
    assert found["labels"] == {**FIRING.labels, "customer_id": "ü"}
    assert found["annotations"] == FIRING.annotations
    assert found["endsAt"][:23] == time_text(firing.ends_at)[:23]
    sent.offer([replace(firing, is_firing=False, ends_at=time.time_ns())])
    sent.run()
    assert [one for one in shown(url) if one["labels"]["alertname"] == "dear"] == []
    assert (sent.stats().lines, sent.stats().failures) == (3, 0)


GOOD = {"labels": {"alertname": "x"}}


@pytest.mark.parametrize(
    "body, status",
    [
        ([GOOD], 200),
        ([], 200),
        ([{**GOOD, "status": "firing", "value": 1}], 200),
        (GOOD, 400),
        ([{"annotations": {}}], 422),
        ([{"labels": {}}], 400),
        ([{"labels": {"alertname": 5}}], 400),
        ([{"labels": {"alertname": "x", "a": ""}}], 200),
        ([{"labels": {"alertname": "x", "a.b": "c"}}], 400),
        ([{"labels": {"alertname": "x", "a": "ü\n" * 10_000}}], 200),
        ([{**GOOD, "startsAt": "2026-01-02T03:04:05.000001+00:00"}], 200),
        ([{**GOOD, "startsAt": 5}], 400),
        ([{**GOOD, "startsAt": "2026-01-02T03:04:05Z", "endsAt": "2025-01-02T03:04:05Z"}], 400),
        ([{**GOOD, "generatorURL": ""}], 200),
        ([{**GOOD, "generatorURL": "not a url"}], 422),
        ([GOOD, {"labels": {"alertname": "y", "a.b": "c"}}], 400),
    ],
)
def test_it_answers_as_was_recorded(url: str, body: object, status: int) -> None:
    """Which is why labels get other names, values are texts, lists are sent and both times are given."""
    assert status_of(url, body) == status


def test_other_content_types_are_refused(url: str) -> None:
    """With 415; a charset may be said."""
    assert status_of(url, [GOOD], "text/plain") == 415
    assert status_of(url, [GOOD], "application/json; charset=utf-8") == 200
