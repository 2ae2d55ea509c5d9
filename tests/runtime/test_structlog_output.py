"""Events that are handed to the application's own structlog belong to their own call, whoever drains."""

from __future__ import annotations

import io
import json
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

import pytest
import structlog

from pepperpy_obs import Config, configure, costed, flush, measure
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.replay.fold import Fold

TENANT: ContextVar[str] = ContextVar("tenant", default="none")


@contextmanager
def application(*processors: Any) -> Generator[io.StringIO]:
    """Configure the application's structlog with these processors before the renderer, and us to hand over to it."""
    before = structlog.get_config()
    written = io.StringIO()
    structlog.configure(
        processors=[*processors, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=written),
        cache_logger_on_first_use=False,
    )
    configure(Config(config_file=None, log_format="none", log_to_structlog=True, drain_interval=600))
    flush()
    written.truncate(0)
    written.seek(0)
    try:
        yield written
        flush()
    finally:
        configure(Config(config_file=None, log_format="none")).shutdown()
        structlog.configure(**before)
        structlog.reset_defaults()


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    """Return what the application has logged."""
    return [json.loads(line) for line in written.getvalue().splitlines()]


def own_context(logger: Any, name: str, event: Any) -> Any:
    """Add a context variable of the application's."""
    return {**event, "tenant": TENANT.get()}


def test_no_event_has_the_context_of_the_request_that_drains() -> None:
    """Neither structlog's own context variables nor others of the application's."""
    with application(structlog.contextvars.merge_contextvars, own_context) as written:
        with structlog.contextvars.bound_contextvars(request_id="first"), measure("a"):
            pass
        token = TENANT.set("acme")
        with structlog.contextvars.bound_contextvars(request_id="second"):
            with measure("b"):
                pass
            flush()
            assert structlog.contextvars.get_contextvars() == {"request_id": "second"}
        TENANT.reset(token)
    seen = [(line["operation"], line.get("request_id"), line["tenant"]) for line in lines(written)]
    assert seen == [("a", None, "none"), ("b", None, "none")]


@pytest.mark.parametrize(
    "stamper",
    [
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.TimeStamper(fmt=None),
        lambda logger, name, event: {**event, "timestamp": "now"},
    ],
    ids=["iso", "epoch", "own"],
)
def test_an_event_keeps_its_time(stamper: Any) -> None:
    """The application's stamp of the moment in which it is handed over does not take the place of its end."""
    with application() as plain, measure("x"):
        pass
    assert lines(plain)[0]["timestamp"].endswith("Z")
    remember = lambda logger, name, event: {**event, "before": event["timestamp"]}
    with application(remember, stamper) as written, measure("x"):
        pass
    (line,) = lines(written)
    assert line["timestamp"] == line["before"] != "now"


def test_a_stamp_under_another_key_is_the_applications() -> None:
    """It says when the line was logged; and a processor may rename the event's own."""
    rename = structlog.processors.EventRenamer("message")

    def move(logger: Any, name: str, event: Any) -> Any:
        event["@timestamp"] = event.pop("timestamp")
        return event

    stamper = structlog.processors.TimeStamper(fmt="iso", key="logged")
    with application(stamper, move, rename) as written, measure("x"):
        pass
    (line,) = lines(written)
    assert {"logged", "@timestamp", "message"} <= line.keys()
    assert "timestamp" not in line


def test_money_is_read_back_as_it_was() -> None:
    """The application's renderer writes costs as text that our own reader takes, nested ones included."""

    @costed
    def ask() -> dict[str, Any]:
        return {"model": "gpt-4o", "usage": {"prompt_tokens": 1000, "completion_tokens": 10}}

    with application(structlog.processors.add_log_level) as written:
        ask()
        with measure("x") as call:
            call.add(parts={"price": Decimal("0.10"), "all": [Decimal(1)]})
    priced, nested = lines(written)
    assert nested["parts"] == {"price": "0.10", "all": ["1"]}
    store = Store(100)
    fold = Fold(store)
    fold.lines([json.dumps(priced).encode()], "app.log", 0)
    total = sum((cell.requests.cost for cell in store.lazy_snapshot(None, 0).snapshot().series.values()), Decimal(0))
    assert total == Decimal(priced["cost_usd"]) > 0
