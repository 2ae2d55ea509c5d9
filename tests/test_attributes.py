"""Fields on every call that is made in a block, and on costs; W3C baggage in and out."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import uuid
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import (
    Config,
    SetupError,
    agent,
    attributes,
    cache_lookup,
    costed,
    current_call,
    measure,
    measured,
    record_usage,
)
from pepperpy_obs.baggage import format_baggage, parse_baggage
from pepperpy_obs.testing import captured

ANSWER = {"model": "gpt-4o-mini", "usage": {"prompt_tokens": 1000, "completion_tokens": 0}}


@measured
def _step() -> None: ...


@costed(provider="openai")
def _ask() -> dict[str, Any]:
    return ANSWER


def _customers(events: list[dict[str, Any]]) -> list[Any]:
    return [event.get("customer") for event in events]


def test_every_call_in_the_block_carries_the_fields() -> None:
    """Plain calls, requests, streams and blocks; none outside; inner blocks win, and None takes a field away."""

    @measured
    def numbers() -> Any:
        yield _step()

    with captured() as seen:
        _step()
        with attributes(customer="acme", session="s1"):
            _step()
            _ask()
            list(numbers())
            with attributes(customer="zenith"):
                _step()
            with attributes(customer=None):
                _step()
            with measure("block"):
                _step()
        _step()

    assert _customers(seen.events) == [None, "acme", "acme", "acme", "acme", "zenith", None, "acme", "acme", None]
    assert [event.get("session") for event in seen.events] == [None, *["s1"] * 8, None]


def test_tasks_and_copied_contexts_carry_them() -> None:
    """Tasks of one loop each have their own; a thread has those of the context that it was given."""

    async def serve(customer: str) -> None:
        async with attributes(customer=customer):
            await asyncio.sleep(0)
            await asyncio.gather(asyncio.to_thread(_step), _async_step())

    async def main() -> None:
        await asyncio.gather(*(serve(name) for name in ("one", "two", "three")))

    with captured() as seen:
        asyncio.run(main())
        with attributes(customer="copied"):
            context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(_step,))
        thread.start()
        thread.join()

    assert sorted(_customers(seen.events)) == ["copied", *sorted(["one", "two", "three"] * 2)]


@measured
async def _async_step() -> None: ...


def test_fields_of_one_call_stay_its_own() -> None:
    """What was given to the call itself wins, and goes no further down."""

    @measured(attributes={"customer": "mine"})
    def own() -> None:
        _step()

    with captured() as seen, attributes(customer="acme"):
        own()
        with measure("added") as call:
            call.add(customer="added")
            _step()

    assert _customers(seen.events) == ["acme", "mine", "acme", "added"]


def test_the_block_leaves_traces_as_they_are() -> None:
    """Calls in a block without a call around have a trace of their own each; in a call they are its children."""
    with captured() as seen:
        with attributes(customer="acme"):
            _step()
            _step()
        with measure("outer"), attributes(customer="acme"), agent("scout"):
            _step()

    first, second, child, outer = seen.events
    assert len({first["trace_id"], second["trace_id"], outer["trace_id"]}) == 3
    assert "parent_span_id" not in first
    assert (child["parent_span_id"], child["agent"]) == (outer["span_id"], "scout")


def test_the_call_around_is_still_the_current_one() -> None:
    """`current_call()` in the block speaks of the call, if there is one; what is recorded there carries the fields."""
    with captured() as seen:
        with attributes(customer="acme"):
            assert not current_call()
            cache_lookup("documents", hit=True)
        with measure("outer") as outer, attributes(customer="acme"):
            inside = current_call()
            assert (inside.span_id, inside.operation, inside.traceparent) == (
                outer.span_id,
                "outer",
                outer.traceparent,
            )
            inside.add(pages=3)
            record_usage(ANSWER, provider="openai")
            assert inside.spending().requests == 1

    lookup, usage, event = seen.events
    assert (lookup["customer"], "trace_id" in lookup) == ("acme", False)
    assert (usage["event"], usage["customer"], usage["span_id"]) == ("usage.recorded", "acme", event["span_id"])
    assert (event["pages"], event.get("customer")) == (3, None)


def test_costs_are_counted_by_them() -> None:
    """`cost_attributes` names the fields that costs are told by, wherever they came from."""
    with captured(Config(config_file=None, cost_attributes=("customer",))) as seen:
        for customer, requests in (("acme", 2), ("zenith", 1)):
            with attributes(customer=customer), measure("handle"):
                for _ in range(requests):
                    _ask()
        groups = seen.stats.cost.groups["customer"]

    assert {name: one.cost for name, one in groups.items()} == {
        "acme": Decimal("0.0003"),
        "zenith": Decimal("0.00015"),
    }


UNTYPED: Any = attributes


@pytest.mark.parametrize(
    "fields,advice",
    [
        ({"customer": lambda: "acme"}, "is a function; it is called for no event"),
        ({"customer": object()}, "is a object; give a text"),
        ({"customer": [1, {"a": object()}]}, "is a list; give a text"),
        ({"outcome": "won"}, "would overwrite facts of the event"),
        ({"model": "o3"}, "would overwrite facts of the event"),
        ({"_account": 1}, "would overwrite facts of the event"),
    ],
)
def test_what_a_log_has_no_word_for_is_refused_at_once(fields: dict[str, Any], advice: str) -> None:
    """A function or an object of one's own, at any depth, and a name of ours: with advice."""
    with pytest.raises(SetupError, match=advice):
        UNTYPED(**fields)


def test_a_decorators_attributes_are_refused_alike() -> None:
    """A function in place of a value is no value."""
    with pytest.raises(SetupError, match="attribute customer=<function"):
        measured(attributes={"customer": lambda: "acme"})


def test_plain_values_of_all_kinds_are_taken() -> None:
    """Ids, numbers, texts and what is made of them."""
    number = uuid.UUID(int=7)
    with captured() as seen, attributes(id=number, paid=True, ratio=Decimal("0.5"), tags=("a", "b")):
        _step()

    event = seen.event
    assert (event["id"], event["paid"], event["ratio"], event["tags"]) == (
        str(number),
        True,
        Decimal("0.5"),
        ["a", "b"],
    )


def test_baggage_goes_out_and_comes_in() -> None:
    """Another process puts the same fields on its calls, in the same trace."""
    with captured() as seen:
        with attributes(customer="acme, inc", tier=3), measure("caller") as call:
            headers = {"traceparent": call.traceparent, "baggage": call.baggage}
        with measure("callee", **headers):  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
            _step()
            onwards = current_call().baggage
        with agent("scout", baggage="customer=zenith,model=gpt-4o"):
            _step()

    caller, below, callee, credited = seen.events
    assert headers["baggage"] == onwards == "customer=acme%2C%20inc,tier=3"
    assert (callee["customer"], callee["tier"], callee["parent_span_id"]) == ("acme, inc", "3", caller["span_id"])
    assert (below["customer"], below["trace_id"]) == ("acme, inc", caller["trace_id"])
    assert (credited["customer"], credited["agent"], credited["user_model"]) == ("zenith", "scout", "gpt-4o")


def test_baggage_is_bounded_and_never_fails() -> None:
    """What the recommendation does not allow is left out, in both directions."""
    assert format_baggage({"a b": 1, "tags": ["x"], "none": None}) is None
    assert len(format_baggage({f"k{number}": "v" * 500 for number in range(100)}) or "") <= 8192
    assert len(parse_baggage(",".join(f"k{number}=v" for number in range(100)))) == 64
    assert parse_baggage(None) == parse_baggage(",;=,=x") == {}
    assert parse_baggage(b"a=1") == {"a": "1"}
    assert parse_baggage("emoji=%F0%9F%A6%96, broken=%FF") == {
        "emoji": "\N{T-REX}",
        "broken": "\N{REPLACEMENT CHARACTER}",
    }
