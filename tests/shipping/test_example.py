from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.servers.elastic import ElasticServer
from tests.servers.loki import LokiServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "ship_log.py"
LINE = '{"timestamp":"%s","level":"info","event":"operation.finished","event_id":"%032x","outcome":"ok"}\n'


def test_a_log_is_shipped(tmp_path: Path) -> None:
    """The example sends each line to both receivers, says so, and leaves nothing waiting."""
    log = tmp_path / "app.log"
    with LokiServer() as loki, ElasticServer() as elastic:
        now = "2026-11-23T12:00:00.000000Z"
        loki.now = lambda: 1_795_435_200_000_000_000
        log.write_text("".join(LINE % (now, n) for n in range(2500)))
        command = [sys.executable, str(EXAMPLE), str(log), "--loki", loki.url, "--elastic", elastic.url]
        command += ["--spool", str(tmp_path / "spool")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout.splitlines() == [
            f"{name}: 2500 acknowledged, 0 rejected, 0 dropped, 0 waiting" for name in ("loki", "elastic")
        ]
        assert (len(loki.lines), len(elastic.documents)) == (2500, 2500)
