"""What a framework's total contains is counted once; what it does not contain is counted beside it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs import costed, measure, tracked_usage
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.readings import LiveState
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.testing import Captured, captured

IDS = map(str, count())


def request(read: int, written: int, model: str = "gpt-4o", told: str | None = "") -> dict[str, Any]:
    """Return an answer; its id is a fresh one unless it is given, or None."""
    answer: dict[str, Any] = {"model": model, "usage": {"prompt_tokens": read, "completion_tokens": written}}
    return answer if told is None else {"id": told or f"chatcmpl-{next(IDS)}", **answer}


def total(*requests: tuple[int, int]) -> dict[str, Any]:
    """Return a run's total, whose entries have no ids and no models, as the OpenAI Agents SDK gives it."""
    entries = [{"input_tokens": read, "output_tokens": written} for read, written in requests]
    return {
        "requests": len(requests),
        "input_tokens": sum(read for read, _ in requests),
        "output_tokens": sum(written for _, written in requests),
        "request_usage_entries": entries,
    }


def state(*answers: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a LangGraph run whose model gave these answers."""
    messages = [
        {
            "type": "ai",
            "usage_metadata": {
                "input_tokens": answer["usage"]["prompt_tokens"],
                "output_tokens": answer["usage"]["completion_tokens"],
            },
            "response_metadata": {"id": answer.get("id"), "model_name": answer["model"]},
        }
        for answer in answers
    ]
    return {"messages": [{"type": "human", "content": "a question"}, *messages]}


@costed(operation="ask")
def ask(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer, which is counted here."""
    return answer


@costed(operation="run", kind="agent", model="gpt-4o")
def run(result: dict[str, Any], *below: Any) -> dict[str, Any]:
    """Make the calls below, and return the total."""
    for call in below:
        call()
    return result


def told(seen: Captured) -> tuple[int, int, Decimal]:
    """Return the input and the output tokens that were counted, and the cost."""
    usage = seen.stats.usage.tokens_by_type
    return usage.get("input", 0), usage.get("output", 0), seen.stats.cost.total_cost


def gpt_4o(read: int, written: int) -> Decimal:
    """Return the price of so many tokens."""
    return (read * Decimal("2.5") + written * 10) / 1_000_000


def test_a_tool_that_asks_a_model_is_counted_beside_the_agents_own_requests() -> None:
    """The total of a run does not contain what a tool asked for by itself."""
    with captured() as seen:
        run(total((1000, 100), (1200, 50)), lambda: ask(request(300, 30)))
        assert told(seen) == (2500, 180, gpt_4o(2500, 180))
        assert "usage_duplicate" not in seen.events[-1]


def test_a_total_whose_requests_were_all_counted_below() -> None:
    """It is a duplicate, tools or no tools."""
    with captured() as seen:
        run(
            total((1000, 100), (1200, 50)),
            lambda: ask(request(1000, 100)),
            lambda: ask(request(300, 30, "gpt-4o-mini")),
            lambda: ask(request(1200, 50)),
        )
        assert told(seen)[:2] == (2500, 180)
        assert seen.events[-1]["usage_duplicate"] is True
        assert "cost_usd" not in seen.events[-1]


def test_of_a_total_that_was_counted_in_part_the_rest_is_counted() -> None:
    """The event has what is left, and says how many requests are left out; its price is that of what is left."""
    with captured() as seen:
        with measure("around") as around:
            run(total((1000, 100), (1200, 50), (1400, 70)), lambda: ask(request(1200, 50)))
        assert told(seen) == (3600, 220, gpt_4o(3600, 220))
        event, spent = seen.events[-2], around.spending()

    assert {name: event[name] for name in ("input_tokens", "output_tokens", "requests", "requests_before")} == {
        "input_tokens": 2400,
        "output_tokens": 170,
        "requests": 2,
        "requests_before": 1,
    }
    assert [entry["input_tokens"] for entry in event["usage_entries"]] == [1000, 1400]
    assert (spent.requests, spent.tokens, spent.cost) == (3, 3820, gpt_4o(3600, 220))
    assert event["cost_usd"] == gpt_4o(2400, 170)


def test_two_requests_alike_are_two() -> None:
    """Each request below stands for one entry only."""
    with captured() as seen:
        run(total((1000, 100), (1000, 100), (1000, 100)), lambda: ask(request(1000, 100)))
        assert told(seen) == (3000, 300, gpt_4o(3000, 300))
        assert seen.events[-1]["requests_before"] == 1


def test_ids_tell_apart_what_tokens_do_not() -> None:
    """Where both have an id, another id is another answer, and the same id the same answer."""
    one, two, tools = request(1000, 100), request(1000, 100), request(1000, 100)
    with captured() as seen:
        run(state(one, two), lambda: ask(one), lambda: ask(tools))
        assert told(seen) == (3000, 300, gpt_4o(3000, 300))
        assert seen.events[-1]["usage_entries"][0]["response_id"] == two["id"]


def test_a_frameworks_own_ids_tell_apart_what_the_framework_told() -> None:
    """Where a node of a graph was counted under LangChain's id, another such id is another answer."""
    one, two = request(1000, 100, told="lc_run--1"), request(1000, 100, told="lc_run--2")
    with captured() as seen:
        run(state(one, two), lambda: ask(one))
        assert told(seen) == (2000, 200, gpt_4o(2000, 200))
    with captured() as seen:
        run(state(one, two), lambda: ask(request(1000, 100)), lambda: ask(request(1000, 100)))
        assert told(seen) == (2000, 200, gpt_4o(2000, 200))


def test_models_tell_apart_what_tokens_do_not() -> None:
    """An answer of another model is another answer; a date makes no other model."""
    with captured() as seen:
        run(
            state(request(1000, 100, told=None), request(1000, 100, "gpt-4o-mini", told=None)),
            lambda: ask(request(1000, 100, "gpt-4o-2024-08-06")),
            lambda: ask(request(1000, 100, "gpt-4.1")),
        )
        events = seen.events

    assert (events[-1]["input_tokens"], events[-1]["requests_before"]) == (1000, 1)
    assert [entry["model"] for entry in events[-1]["usage_entries"]] == ["gpt-4o-mini"]


def test_an_agent_within_an_agent() -> None:
    """The outer total is matched with what the inner one counted, and with what was counted below that."""
    inner_requests, outer_requests = [(500, 50), (600, 60)], [(1000, 100), (2000, 200)]

    def inner() -> None:
        run(total(*inner_requests), lambda: ask(request(600, 60)))

    with captured() as seen:
        run(total(outer_requests[0], *inner_requests, outer_requests[1]), inner)
        assert told(seen)[:2] == (4100, 410)
    with captured() as seen:
        run(total(*outer_requests), inner)
        assert told(seen)[:2] == (4100, 410)


def test_a_total_without_entries_that_requests_below_add_up_to() -> None:
    """It is a duplicate if some of them are exactly it; else it is counted."""
    crew = {"token_usage": {"prompt_tokens": 2200, "completion_tokens": 150, "successful_requests": 2}}
    first, second, tool = (lambda: ask(request(1000, 100)), lambda: ask(request(1200, 50)), lambda: ask(request(3, 3)))
    with captured() as seen:
        run(crew, first, tool, second)
        assert told(seen)[:2] == (2203, 153)
    with captured() as seen:
        run(crew, tool, tool)
        assert told(seen)[:2] == (2206, 156)


def test_a_run_that_is_returned_further() -> None:
    """The same object is the same total, whatever of it was counted; a new total of the same run is matched."""
    result = total((1000, 100), (1200, 50))
    with captured() as seen:
        run(result, lambda: run(result, lambda: ask(request(1200, 50))))
        assert told(seen)[:2] == (2200, 150)
        assert seen.events[-1]["usage_duplicate"] is True
    with captured() as seen:
        run(total((1000, 100), (1200, 50)), lambda: run(result))
        assert told(seen)[:2] == (2200, 150)


def test_several_answers_of_one_generator_over_calls_that_counted_some() -> None:
    """What one call passes on of others is counted there, and what it asks for by itself with it."""
    first, second = request(1000, 100), request(1200, 50)

    @costed(operation="stream")
    def stream() -> Iterator[dict[str, Any]]:
        yield ask(first)
        yield second

    with captured() as seen:
        list(stream())
        assert told(seen) == (2200, 150, gpt_4o(2200, 150))
        assert seen.stats.usage.request_volume == 2


def test_what_is_left_out_of_a_total_is_charged_if_no_one_charged_it() -> None:
    """Requests that `@tracked_usage` counted below `@costed` get their price with the total."""
    track = tracked_usage(operation="track")(request)
    with captured() as seen:
        run(total((1000, 100), (1200, 50)), lambda: track(1000, 100))
        assert told(seen) == (2200, 150, gpt_4o(2200, 150))


_request = st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["gpt-4o", "gpt-4o-mini"]))


@given(
    st.lists(st.tuples(_request, st.booleans()), min_size=1, max_size=6),
    st.lists(_request, max_size=3),
    st.sampled_from(["both", "below", "above"]),
)
def test_law_each_request_counts_once(
    requests: list[tuple[tuple[int, int, str], bool]], tools: list[tuple[int, int, str]], ids: str
) -> None:
    """Whichever requests of a run are instrumented, and whatever tools ask for: all of it counts, none twice.

    Tools read more than any request of the run, so that only ids are needed to tell them apart where both have one.
    """
    answers = [request(*each) for each, _ in requests]
    plain = [{name: value for name, value in answer.items() if name != "id"} for answer in answers]
    below, above = (plain if ids == "above" else answers), (plain if ids == "below" else answers)
    others = [request(read + (0 if ids == "both" else 10), written, model) for read, written, model in tools]
    calls = [each for each, (_, instrumented) in zip(below, requests, strict=True) if instrumented]
    with captured() as seen:
        run(state(*above), *(lambda each=each: ask(each) for each in (*calls, *others)))
        stats, events = seen.stats, seen.events
    everything = [each["usage"] for each in (*answers, *others)]
    assert stats.usage.tokens_by_type == {
        "input": sum(usage["prompt_tokens"] for usage in everything),
        "output": sum(usage["completion_tokens"] for usage in everything),
    }
    assert (stats.cost.unpriced_calls, replayed(events).cost.total_cost) == (0, stats.cost.total_cost)
    assert replayed(events).usage.tokens_by_type == stats.usage.tokens_by_type


def replayed(events: list[dict[str, Any]]) -> Stats:
    """Return what the log lines of these events add up to."""
    fold = Fold(Store())
    fold.lines(b"".join(json_lines(events)).splitlines(), "log")
    return Stats(fold.store.snapshot(), LiveState())


def run_of_pydantic_ai(requests: int, read: int, written: int, *own: dict[str, Any]) -> dict[str, Any]:
    """Return a run whose usage is shared with the run around it, and which has these answers of its own."""
    messages = [
        {
            "kind": "response",
            "model_name": answer["model"],
            "provider_response_id": answer["id"],
            "usage": {
                "input_tokens": answer["usage"]["prompt_tokens"],
                "output_tokens": answer["usage"]["completion_tokens"],
            },
        }
        for answer in own
    ]
    counts = {"requests": requests, "tool_calls": 0, "input_tokens": read, "output_tokens": written}
    return {"usage": counts, "new_messages": messages}


def test_agents_that_count_in_one_object() -> None:
    """An inner agent's total has the outer one's requests as well; each request counts where it was made."""
    first, helps, last = request(1000, 100), request(300, 30, "gpt-4o-mini"), request(1000, 100)
    inner = run_of_pydantic_ai(2, 1300, 130, helps)
    outer = run_of_pydantic_ai(3, 2300, 230, first, last)
    price = gpt_4o(2000, 200) + Decimal("0.000063")
    with captured() as seen:
        run(outer, costed(operation="inner")(inner.copy))
        assert told(seen) == (2300, 230, price)
    with captured() as seen:
        run(outer)
        assert told(seen)[:2] == (2300, 230)
