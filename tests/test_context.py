"""Who calls whom: trees of calls across tasks and threads, agents, and traceparent in and out."""

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from pepperpy_obs import agent, attributes, current_call, measure, measured
from pepperpy_obs.context import continue_trace, parse_traceparent
from pepperpy_obs.testing import captured

REMOTE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@measured(operation="child")
def _child() -> None:
    pass


@measured(operation="parent")
def _parent() -> None:
    _child()


def _by_operation(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {event["operation"]: event for event in events}


def test_nested_calls_form_a_tree() -> None:
    """A child has its parent's trace and names its span; a root names none."""
    with captured() as seen:
        _parent()
        one, two = (_by_operation(seen.events)[name] for name in ("parent", "child"))

    assert "parent_span_id" not in one
    assert (two["trace_id"], two["parent_span_id"]) == (one["trace_id"], one["span_id"])


def test_siblings_of_no_parent_have_traces_of_their_own() -> None:
    """Two calls that nothing encloses are two traces."""
    with captured() as seen:
        _child()
        _child()

        assert len({event["trace_id"] for event in seen.events}) == 2


def test_ids_are_spelled_as_w3c_demands() -> None:
    """Trace ids are 32, span ids 16, event ids 32 lower case hex digits."""
    with captured() as seen:
        _parent()
        _parent()

        for event in seen.events:
            for key, digits in (("trace_id", 32), ("span_id", 16), ("event_id", 32)):
                assert len(event[key]) == digits
                assert int(event[key], 16)


def test_tasks_inherit_the_call_that_started_them() -> None:
    """Calls of tasks started in a call are its children, each once."""

    @measured(operation="parent")
    async def spawn() -> None:
        async def step() -> None:
            await asyncio.sleep(0)
            _child()

        await asyncio.gather(*(step() for _ in range(5)))

    with captured() as seen:
        asyncio.run(spawn())
        events = seen.events
        top = _by_operation(events)["parent"]

        assert [top["span_id"]] * 5 == [e["parent_span_id"] for e in events if e["operation"] == "child"]


def test_a_thread_with_a_copied_context_continues_the_trace() -> None:
    """A thread run in a copy of the context calls below its starter; one without starts anew."""
    with captured() as seen:
        with measure("parent"):
            copied = threading.Thread(target=contextvars.copy_context().run, args=(_child,))
            bare = threading.Thread(target=_child)
            for thread in (copied, bare):
                thread.start()
                thread.join()
        children = [e for e in seen.events if e["operation"] == "child"]
        top = _by_operation(seen.events)["parent"]

    assert [top["span_id"], None] == [e.get("parent_span_id") for e in children]


def test_a_child_may_outlive_its_parent() -> None:
    """A task that goes on after its parent's end still names it."""

    async def main() -> None:
        async def late() -> None:
            await asyncio.sleep(0)
            seen.events  # noqa: B018 - the parent is drained before the child calls
            _child()

        with measure("parent"):
            task = asyncio.ensure_future(late())
        await task

    with captured() as seen:
        asyncio.run(main())
        found = _by_operation(seen.events)

    assert found["parent"]["span_id"] == found["child"]["parent_span_id"]


def test_agents_are_credited_by_context() -> None:
    """Calls below an agent's block or function are that agent's; the innermost agent wins."""

    @measured(operation="research", kind="agent")
    def research() -> None:
        _child()

    with captured() as seen:
        with agent("planner"):
            _child()
            research()
        _child()

        assert [e.get("agent") for e in seen.events] == ["planner", "research", "research", None]
        assert len({e["trace_id"] for e in seen.events}) == 2


def test_traceparent_comes_in() -> None:
    """A header makes our root call the child of a span elsewhere."""
    with captured() as seen:
        with measure("block", traceparent=REMOTE):
            pass
        with continue_trace(REMOTE):
            _child()
        for event in seen.events:
            assert event["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
            assert event["parent_span_id"] == "00f067aa0ba902b7"


def test_traceparent_goes_out() -> None:
    """The header that a call sends on names its own span, before its event exists."""
    with captured() as seen:
        with measure("block") as call:
            header = call.traceparent
        event = seen.event

    assert f"00-{event['trace_id']}-{event['span_id']}-01" == header


@pytest.mark.parametrize(
    "header",
    ["", "garbage", "ff" + REMOTE[2:], REMOTE + "-extra", REMOTE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32)],
)
def test_a_broken_traceparent_starts_a_new_trace(header: str) -> None:
    """What the recommendation calls invalid is ignored."""
    assert parse_traceparent(header) is None
    with captured() as seen:
        with continue_trace(header):
            _child()

        assert "parent_span_id" not in seen.event


def test_later_versions_of_traceparent_may_append_fields() -> None:
    """Version 01 with a tail is read as far as it is known."""
    assert parse_traceparent("01" + REMOTE[2:] + "-extra") is not None


def test_fields_of_a_call() -> None:
    """Fields are added to the innermost call; names that are ours by meaning are moved aside."""
    with captured() as seen:
        with measure("outer"), measure("inner") as call:
            call.add(customer="acme", outcome="won").add(pages=3)
            current_call().add(more=True)
        inner, outer = (_by_operation(seen.events)[name] for name in ("inner", "outer"))

    assert {key: inner.get(key) for key in ("customer", "user_outcome", "pages", "more", "outcome")} == {
        "customer": "acme",
        "user_outcome": "won",
        "pages": 3,
        "more": True,
        "outcome": "ok",
    }
    assert "customer" not in outer


def test_without_a_call_everything_is_accepted() -> None:
    """Library code need not ask whether somebody measures."""
    call = current_call()

    assert not call
    assert (call.trace_id, call.span_id, call.agent, call.operation, call.traceparent) == (None,) * 5
    call.add(x=1)


def test_very_deep_nesting_needs_no_recursion() -> None:
    """Ten thousand nested blocks are one tree."""
    with captured() as seen:
        blocks = [measure("deep") for _ in range(10_000)]
        for block in blocks:
            block.__enter__()
        for block in reversed(blocks):
            block.__exit__(None, None, None)

        assert len({e["trace_id"] for e in seen.events}) == 1
        assert len({e["span_id"] for e in seen.events}) == 10_000


def test_no_field_of_the_users_is_lost_to_another() -> None:
    """A name that has to make way takes one that is free: whoever came first, and wherever the other was given."""

    @measured(operation="static", attributes={"user_level": "static"})
    def static() -> None:
        current_call().add(level="mine")

    with captured() as seen, attributes(user_kind="around"):
        with measure("together") as call:
            call.add(user_id="ann", _id=7, user_agent="Mozilla", agent="me", _agent="too")
        with measure("before") as call:
            call.add(_id=7).add(user_id="ann").add(_id=8)
        with measure("around") as call:
            call.add(kind="mine")
        static()
        together, before, around, fixed = seen.events

    names = ("user_id", "user_user_id", "user_agent", "user_user_agent", "user_user_user_agent")
    assert [together[name] for name in names] == ["ann", 7, "Mozilla", "me", "too"]
    assert [before[name] for name in names[:2]] == ["ann", 8]
    assert (around["user_kind"], around["user_user_kind"], around["kind"]) == ("around", "mine", "task")
    assert (fixed["user_level"], fixed["user_user_level"], fixed["level"]) == ("static", "mine", "info")
