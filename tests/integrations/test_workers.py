"""Tasks of Celery, workers of gunicorn and uWSGI, invocations of Lambda: each its event, and none lost at the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pepperpy_obs import Config, SetupError, attributes, configure, measure, measured, shutdown
from pepperpy_obs._dispatch import runtime
from pepperpy_obs._guard import failures
from pepperpy_obs.context import CURRENT
from pepperpy_obs.integrations import aws_lambda
from pepperpy_obs.integrations.aws_lambda import observe_lambda
from pepperpy_obs.integrations.celery import instrument_celery, uninstrument_celery
from pepperpy_obs.integrations.uwsgi import instrument_uwsgi
from pepperpy_obs.testing import captured
from tests.servers.wire import wait_until

_celery: Any = import_module("celery")  # it has no types
_signals: Any = import_module("celery.signals")
build_tracer = import_module("celery.app.trace").build_tracer
Retry: Any = import_module("celery.exceptions").Retry

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@measured(operation="work")
def work() -> int:
    """Do what a task does."""
    return 7


@pytest.fixture
def app() -> Iterator[Any]:
    """Return an application of Celery whose broker is this process's memory, observed."""
    made = _celery.Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    instrument_celery()
    yield made
    uninstrument_celery()
    made.close()


def run(app: Any, task: Any, **request: Any) -> Any:
    """Run a task as a worker does that has received a message."""
    tracer = build_tracer(task.name, task, app=app, eager=False)
    return tracer("id-1", (), {}, {"id": "id-1", "args": (), "kwargs": {}, "is_eager": True, **request}).retval


def received(app: Any) -> dict[str, Any]:
    """Return the headers of the message that was sent."""
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
        headers: dict[str, Any] = message.headers
        return headers


def test_a_task_is_a_child_of_what_has_sent_it(app: Any) -> None:
    """The caller and its fields travel in the message; the run is the caller of what the task calls."""
    task = app.task(work, name="shop.work")
    with captured() as seen:
        with measure("request") as call, attributes(customer="acme"):
            task.apply_async()
        headers = received(app)
        assert headers["traceparent"].split("-")[2] == call.span_id
        assert run(app, task, headers=headers) == 7
    request, inner, done = seen.events
    assert (done["operation"], done["parent_span_id"], done["customer"]) == ("shop.work", request["span_id"], "acme")
    assert (inner["parent_span_id"], done["celery.state"], done["celery.task_id"]) == (
        done["span_id"], "SUCCESS", "id-1",
    )  # fmt: skip
    assert CURRENT.get() is None


def test_a_failed_task_is_an_error_and_a_retry_is_none(app: Any) -> None:
    """As Celery says that it has ended."""

    def fail() -> None:
        raise LookupError

    def again() -> None:
        raise Retry

    with captured() as seen:
        run(app, app.task(fail, name="shop.fail"))
        run(app, app.task(again, name="shop.again"), retries=2)
    told = [
        {name: event.get(name) for name in ("outcome", "error_type", "raised", "celery.state")} for event in seen.events
    ]
    assert told == [
        {"outcome": "error", "error_type": "LookupError", "raised": None, "celery.state": "FAILURE"},
        {"outcome": "ok", "error_type": None, "raised": "Retry", "celery.state": "RETRY"},
    ]
    assert seen.events[1]["celery.retries"] == 2


def test_what_is_not_observed_any_more_makes_no_event(app: Any) -> None:
    """And takes no header along."""
    task = app.task(work, name="shop.work")
    uninstrument_celery()
    with captured() as seen, measure("request"):
        task.apply_async()
        assert "traceparent" not in received(app)
        run(app, task)
    assert [event["operation"] for event in seen.events] == ["work", "request"]


def test_a_child_of_a_worker_configures_itself_and_lets_all_leave(app: Any, tmp_path: Path) -> None:
    """With the settings that were given, at the signals of Celery's prefork pool."""
    log = tmp_path / "app.log"
    instrument_celery(Config(config_file=None, log_file=log))
    try:
        _signals.worker_process_init.send(sender=None)
        run(app, app.task(work, name="shop.work"))
    finally:
        _signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
    operations = [json.loads(line)["operation"] for line in log.read_text().splitlines()]
    assert operations == ["work", "shop.work"]
    assert not runtime().started


class Context:
    """What Lambda hands to a handler."""

    function_name = "checkout"

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the invocation's time."""
        return 3000


def test_an_invocation_is_an_event_that_has_left_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its caller is in the headers, in whatever case; the time to wait is what the deadline leaves."""
    waited: list[float] = []
    monkeypatch.setattr(type(runtime()), "deliver", lambda self, timeout: waited.append(timeout))

    @observe_lambda
    def handler(event: Any, context: Any) -> int:
        return work()

    with captured() as seen:
        assert handler({"headers": {"TraceParent": TRACEPARENT}}, Context()) == 7
        assert handler(None, SimpleNamespace()) == 7
    invocations = [event for event in seen.events if event["operation"] != "work"]
    assert invocations[0]["parent_span_id"] == TRACEPARENT[36:52]
    assert [event["operation"].rpartition(".")[2] for event in invocations] == ["checkout", "handler"]
    assert waited == [pytest.approx(2.9), 5.0]


def test_a_handler_s_exception_passes_and_ours_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours is counted."""

    def broken(self: Any, timeout: float) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(runtime()), "deliver", broken)

    @observe_lambda
    def handler(event: Any, context: Any) -> None:
        raise LookupError

    with captured() as seen, pytest.raises(LookupError):
        handler({}, Context())
    assert (seen.event["outcome"], failures()["lambda"]) == ("error", 1)
    assert aws_lambda.__all__ == ["observe_lambda"]


def test_delivering_waits_for_what_is_there(tmp_path: Path) -> None:
    """Without receivers it is done when the lines are written."""
    log = tmp_path / "app.log"
    configure(Config(config_file=None, log_file=log))
    try:
        work()
        assert runtime().deliver(5.0) is True
        assert log.read_text().count("\n") == 1
    finally:
        shutdown()


def test_uwsgi_s_own_hooks_stay_and_ours_join_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forks and ends there are without Python's hooks."""
    with pytest.raises(SetupError, match="not started by uWSGI"):
        instrument_uwsgi()
    seen: list[str] = []
    module: Any = ModuleType("uwsgi")
    module.post_fork_hook = lambda: seen.append("forked")
    monkeypatch.setitem(sys.modules, "uwsgi", module)
    instrument_uwsgi()
    instrument_uwsgi()
    monkeypatch.setattr(
        "pepperpy_obs.integrations.uwsgi._dispatch.runtime",
        lambda: SimpleNamespace(shutdown=lambda: seen.append("shut down")),
    )
    module.post_fork_hook()
    module.atexit()
    assert seen == ["forked", "shut down"]


SERVER = """
from pepperpy_obs import Config, configure, measured
from pepperpy_obs.integrations.gunicorn import worker_abort, worker_exit  # noqa: F401
from pepperpy_obs.integrations.web import WsgiMiddleware


@measured(operation="work")
def work():
    return b"done"


def answer(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [work()]


app = WsgiMiddleware(answer)


def post_fork(server, worker):
    configure(Config(config_file=None, log_file="app.log", drain_interval=60))
"""


def test_a_worker_of_gunicorn_loses_nothing_when_it_is_stopped(tmp_path: Path) -> None:
    """Its last requests are in the log, though the background thread would have written them in a minute."""
    (tmp_path / "served.py").write_text(SERVER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"}
    running = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-c", "served.py", "served:app"],
        cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def answered() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return bool(answer.read() == b"done")
        except OSError:
            return False

    try:
        assert wait_until(answered, 30)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
    events = [json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines()]
    assert [event["operation"] for event in events] == ["work", "GET (no route)"]
    assert events[0]["parent_span_id"] == events[1]["span_id"]
