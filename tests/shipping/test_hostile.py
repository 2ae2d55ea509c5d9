"""What a receiver, a settings file or an event may do to us that nobody would do on purpose."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping.elastic import Elastic, as_it_is
from pepperpy_obs.shipping.header import parse_header
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Answer, Payload, Request, retry_after
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.transport import Transport
from tests.servers.elastic import ElasticServer
from tests.servers.http_input import LogstashServer
from tests.servers.wire import Fault, Reply

pytestmark = pytest.mark.hostile

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
DEEP = b'{"errors":false,"items":[],"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
QUICK: dict[str, Any] = {"linger": 0, "retry_first": 0.001, "retry_most": 0.002}


@pytest.mark.parametrize("body", [DEEP, b'"\xff"', b"", b"null", b'{"errors":true,"items":[{}]}', b"x" * 17_000_000])
def test_an_answer_that_nobody_can_read_is_asked_for_again(body: bytes, ship: Ship, event: Make) -> None:
    """Without a bottom, without an end, without sense: the next request settles it, and no event is there twice."""
    with ElasticServer([Fault("reply", Reply(200, body))]) as server:
        shipper = ship(Elastic(url=server.url, **QUICK))
        shipper.offer([event(n, n) for n in range(3)])
        assert shipper.flush(5)
        ledger = shipper.ledgers()["elastic"]
        assert (ledger.acknowledged, sum(ledger.retries.values())) == (3, 1)
        assert len(server.documents) == 3


def test_an_answer_that_trickles_ends() -> None:
    """Each byte comes within the time for reading, all of them do not."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        transport = Transport(Elastic(url=f"http://127.0.0.1:{listener.getsockname()[1]}", read_timeout=0.2))
        script = (
            "import socket, sys, time\n"
            f"s = socket.socket(fileno={listener.fileno()}).accept()[0]\n"
            "s.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 1000\\r\\n\\r\\n')\n"
            "while True:\n    s.sendall(b'x'); time.sleep(0.05)\n"
        )
        child = subprocess.Popen([sys.executable, "-c", script], pass_fds=[listener.fileno()], stderr=subprocess.PIPE)
        stack.enter_context(child)
        started = time.monotonic()
        answer = transport.post(Request("/", b"", {}))
        assert (answer.status, "did not end" in answer.text) == (0, True)
        assert time.monotonic() - started < 5
        child.kill()
        transport.close()


def test_an_event_that_cannot_be_encoded_stops_nobody(ship: Ship, event: Make) -> None:
    """Whatever its document raises, it alone is rejected, and those behind it go on."""

    def document(found: dict[str, Any]) -> Mapping[str, Any]:
        if found["n"] == 3:
            raise OverflowError
        return found

    with ElasticServer() as server:
        shipper = ship(Elastic(url=server.url, document=document, **QUICK))
        shipper.offer([event(n, n) for n in range(8)])
        assert shipper.flush(5)
        assert shipper.ledgers()["elastic"].rejected == {"unencodable": 1}
        assert sorted(one["n"] for one in server.documents.values()) == [0, 1, 2, 4, 5, 6, 7]


@pytest.mark.parametrize(
    "given",
    [
        {"url": "user:secret@host:3100"},
        {"url": "http://[secret"},
        {"url": "http://host:secret"},
        {"url": "http://host\x7f"},
        {"url": "http://host", "headers": {"X-Key": "sécret"}},
        {"url": "http://host", "headers": {"X-Key": "secret\nX: y"}},
        {"url": "http://host", "headers": {"a name": "secret"}},
        {"url": "http://host", "bearer_token": "secret\N{EM DASH}"},
        {"url": "http://host", "tenant": "sécret"},
        {"url": "http://host", "labels": {f"secret_{n}": "x" for n in range(11)}},
    ],
)
def test_what_could_never_be_sent_is_refused_at_once(given: dict[str, Any]) -> None:
    """Rather than at every request; no secret is repeated in saying so."""
    with pytest.raises(SetupError, match="give") as caught:
        Loki(**given)
    if "labels" not in given and given["url"] != "http://host:secret":
        assert "secret" not in str(caught.value)


def test_a_date_that_no_calendar_has_is_no_retry_after() -> None:
    """It must not cost more than the pause."""
    answer = Answer(429, headers={"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"})
    assert retry_after(answer, datetime.now(UTC), 60.0) is None


def test_ids_and_times_that_otlp_cannot_carry_stay_behind() -> None:
    """An id that is no hex and a time before 1970 would cost the whole request."""
    record = Record(-5, "a", b'{"trace_id":"' + b"z" * 32 + b'","span_id":"00f067aa0ba902b7"}')
    request = Otlp(url="http://collector").encode(Payload([record], "host-0"))
    [resource] = json.loads(gzip.decompress(request.body))["resourceLogs"]
    [found] = resource["scopeLogs"][0]["logRecords"]
    assert ("traceId" in found, found["spanId"], found["timeUnixNano"]) == (False, "00f067aa0ba902b7", "0")


def test_a_line_without_a_time_gets_that_of_its_record(ship: Ship) -> None:
    """A data stream takes no document without `@timestamp`."""
    with ElasticServer() as elastic, LogstashServer() as logstash:
        shipper = ship(
            Elastic(url=elastic.url, document=as_it_is, **QUICK),
            Logstash(url=logstash.url, document=as_it_is, **QUICK),
        )
        record = parse_header(b'{"n":1}')._replace(at=1_000_002_000)
        shipper.offer([record])
        assert shipper.flush(5)
        wanted = {"n": 1, "@timestamp": "1970-01-01T00:00:01.000002Z"}
        assert [*elastic.documents.values()] == logstash.events == [wanted]


LEAVER = """
import atexit, sys, time
left = []
# The first that is registered is called last: after all that we do at the exit.
atexit.register(lambda: print(time.monotonic() - left[0], flush=True))
from pepperpy_obs import Config, configure, measured
url, directory = sys.argv[1:]
configure(Config(loki_url=url, elastic_url=url, logstash_url=url, otlp_url=url, ship_directory=directory,
                 log_format="none"))
@measured
def work(): pass
for _ in range(5000): work()
time.sleep(0.7)
left.append(time.monotonic())
"""


def test_no_receiver_can_hold_the_exit(tmp_path: Path) -> None:
    """Refused, hanging in the handshake, or taking everything and never answering: a process ends within its 2 s."""
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            # Connections beyond the backlog are not answered: the next one hangs before it is made.
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        urls = {
            "refused": "http://127.0.0.1:9",
            "silent": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "unconnected": f"http://127.0.0.1:{full.getsockname()[1]}",
            "handshake": f"https://127.0.0.1:{silent.getsockname()[1]}",
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PEPPERPY_")}
        children = {
            name: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", LEAVER, url, str(tmp_path / name)], stdout=subprocess.PIPE, env=environment
                )
            )
            for name, url in urls.items()
        }
        # Each says itself how long it took: how long interpreters take to end depends on what else the machine does.
        took = {name: float(child.communicate(timeout=60)[0]) for name, child in children.items()}
        assert [child.returncode for child in children.values()] == [0] * len(urls)
        assert all(seconds < 2.0 + 1.5 for seconds in took.values()), took
