from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import count
from typing import Any

import pytest

from pepperpy_obs import Config, cache_lookup, costed, current_call, measured, record_usage, tracked_usage
from pepperpy_obs.processors.deduplicate import DeduplicateUsage
from pepperpy_obs.testing import captured

ANSWER: dict[str, Any] = {
    "id": "answer-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini",
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}
PRICE = Decimal("0.00021")
TOKENS = {"input": 1000, "output": 100}


@pytest.mark.parametrize("answer", [ANSWER, {key: value for key, value in ANSWER.items() if key != "id"}])
def test_a_price_that_only_the_outer_call_asks_for(answer: dict[str, Any]) -> None:
    """Tokens count where the provider answered, the money where somebody asked for it, and each of them once."""

    @tracked_usage(operation="inner", provider="openai")
    def inner() -> dict[str, Any]:
        return answer

    outer = costed(operation="outer", provider="openai")(lambda: inner())  # noqa: PLW0108 - decorating itself would be one wrapper
    outermost = costed(operation="outermost", provider="openai")(lambda: outer())  # noqa: PLW0108

    with captured() as seen:
        outermost()
        events, cost, usage = seen.events, seen.stats.cost, seen.stats.usage

    assert [event.get("cost_usd") for event in events] == [None, PRICE, None]
    assert [event.get("usage_duplicate") for event in events] == [None, True, True]
    assert (cost.total_cost, cost.priced_calls, cost.unpriced_calls) == (PRICE, 1, 0)
    assert cost.cost_by_operation == {"outer": PRICE}
    assert (usage.total_calls, usage.tokens_by_type) == (1, TOKENS)


def test_a_total_over_calls_of_which_one_was_priced() -> None:
    """What a framework's total contains is charged with it only if none of that was charged below."""
    total = {"requests": 2, "input_tokens": 2000, "output_tokens": 200, "request_usage_entries": []}
    total["request_usage_entries"] = [{"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}] * 2
    first = costed(operation="first", provider="openai")(lambda: {**ANSWER, "id": "1"})
    second = tracked_usage(operation="second", provider="openai")(lambda: {**ANSWER, "id": "2"})
    third = tracked_usage(operation="third", provider="openai")(lambda: {**ANSWER, "id": "3"})

    @costed(operation="run", kind="agent", provider="openai", model="gpt-4o-mini")
    def run(*calls: Any) -> dict[str, Any]:
        for call in calls:
            call()
        return total

    with captured() as seen:
        run(first, second)
        assert (seen.stats.cost.total_cost, seen.stats.usage.total_tokens) == (PRICE, 2200)
    with captured() as seen:
        run(second, third)
        assert (seen.stats.cost.total_cost, seen.stats.usage.total_tokens) == (2 * PRICE, 2200)


def test_an_answer_from_a_local_cache_is_no_request() -> None:
    """Nobody was asked: no request, no tokens, no cost; what it would have cost is saved, and the call is a call."""

    @costed(operation="ask", provider="openai")
    def ask(*, hit: bool) -> dict[str, Any]:
        cache_lookup("answers", hit=hit)
        return ANSWER

    with captured() as seen:
        ask(hit=False)
        ask(hit=True)
        events, stats = seen.events, seen.stats

    assert [(event["cost_usd"], event.get("saved_usd")) for event in events] == [(PRICE, None), (0, PRICE)]
    assert (stats.performance.calls, stats.usage.total_calls, stats.usage.tokens_by_type) == (2, 1, TOKENS)
    assert (stats.cost.total_cost, stats.cost.cost_per_request) == (PRICE, PRICE)
    assert stats.cost.savings_by_cause == {"local_cache": PRICE}
    assert stats.cost.cached_calls == 1


def test_what_a_cache_gave_for_the_prompt_spares_no_request() -> None:
    """With `answer=False` the lookup is counted, and the call is charged."""

    @costed(operation="ask", provider="openai")
    def ask() -> dict[str, Any]:
        cache_lookup("documents", hit=True, answer=False)
        return ANSWER

    with captured() as seen:
        ask()
        assert seen.stats.cost.total_cost == PRICE
        assert seen.stats.cost.savings == 0
        assert seen.stats.cache.caches["documents"].hits == 1


def test_tries_and_budgets() -> None:
    """A failed try's cost is waste, told apart by whether it was repeated; budgets say how far they were passed."""
    tries: list[int] = []

    @costed(operation="ask", provider="openai")
    def ask() -> dict[str, Any]:
        tries.append(1)
        if len(tries) in {1, 3}:
            record_usage({**ANSWER, "id": str(len(tries))})
            raise ValueError
        return {**ANSWER, "id": str(len(tries))}

    @measured(operation="work", budget=Decimal("0.0003"))
    def work() -> None:
        for _ in range(3):
            try:
                ask()
            except ValueError:
                continue

    with captured() as seen:
        work()
        work_event, cost = seen.events[-1], seen.stats.cost

    assert (work_event["over_budget"], work_event["over_budget_usd"]) == (True, 3 * PRICE - Decimal("0.0003"))
    assert cost.waste == 2 * PRICE
    assert cost.waste_by_cause == {"retried": PRICE, "failed": PRICE}
    assert (cost.retries, cost.over_budget_calls, cost.over_budget) == (1, 1, 3 * PRICE - Decimal("0.0003"))


def test_costs_by_a_field_of_the_users() -> None:
    """The fields that `cost_attributes` names are dimensions of the cost, static ones and those of one call."""
    ids = map(str, count())

    @costed(operation="ask", provider="openai", attributes={"tier": "gold"})
    def ask(customer: str | None) -> dict[str, Any]:
        if customer is not None:
            current_call().add(customer=customer)
        return {**ANSWER, "id": next(ids)}

    with captured(Config(config_file=None, cost_attributes=("customer", "tier"))) as seen:
        for customer in ("acme", "acme", "initech", None):
            ask(customer)
        cost = seen.stats.cost

    assert cost.cost_by_attribute == {
        "customer": {"acme": 2 * PRICE, "(none)": PRICE, "initech": PRICE},
        "tier": {"gold": 4 * PRICE},
    }


def test_odd_and_incomplete_usage_is_counted() -> None:
    """What was odd about usage is said on the event, and how often that was in the report."""

    @costed(operation="ask", model="gpt-4o")
    def ask(usage: dict[str, Any]) -> dict[str, Any]:
        return {"id": str(usage), "model": "gpt-4o", "usage": usage}

    @costed(operation="stream")
    def stream() -> Iterator[dict[str, Any]]:
        yield {"id": "c1", "model": "gpt-4o", "object": "chat.completion.chunk", "choices": [{"finish_reason": None}]}

    with captured() as seen:
        ask({"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11})
        ask({"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 5})
        ask({"prompt_tokens": 10, "completion_tokens": "many"})
        list(stream())
        usage = seen.stats.usage

    assert [event.get("usage_flags", []) for event in seen.events] == [
        [],
        ["total: 5 said, 11 found"],
        ["output_tokens: not a number"],
        [],
    ]
    assert (usage.odd_usage_calls, usage.odd_usage_by_model, usage.incomplete_usage_calls) == (2, {"gpt-4o": 2}, 1)
    assert "odd usage" in str(usage)


def test_answers_that_tell_no_usage_are_counted_as_such() -> None:
    """Text instead of the answer, and a stream that tells no usage, are requests whose cost is unknown, never free."""
    text = costed(operation="text", provider="openai", model="gpt-4o-mini")(lambda: "hi")

    @costed(operation="stream", provider="openai")
    def stream() -> Iterator[dict[str, Any]]:
        yield {"object": "chat.completion.chunk", "model": "gpt-4o-mini", "choices": []}

    with captured() as seen:
        text()
        list(stream())
        cost, usage = seen.stats.cost, seen.stats.usage

    assert (cost.priced_calls, cost.unpriced_calls, cost.unpriced_by_model, cost.calls_without_usage) == (0, 0, {}, 2)
    assert (usage.total_calls, usage.calls_without_usage) == (2, 2)
    assert "requests without usage (failed ones, too): 2, their cost is unknown and in no sum" in str(cost)


def test_a_response_id_that_is_seen_again_in_another_trace() -> None:
    """An answer that is fetched again, or kept by a cache, was asked for once; other tokens are another answer."""
    ask = costed(operation="ask", provider="openai")(lambda answer: answer)
    with captured() as seen:
        for _ in range(3):
            ask(dict(ANSWER))
        ask({**ANSWER, "usage": {"prompt_tokens": 3000, "completion_tokens": 100}})
        usage, cost = seen.stats.usage, seen.stats.cost

    assert [event.get("usage_duplicate") for event in seen.events] == [None, True, True, None]
    assert (usage.request_volume, usage.tokens_by_type) == (2, {"input": 4000, "output": 200})
    assert (cost.total_cost, cost.priced_calls) == (PRICE + Decimal("0.00051"), 2)


class Embeddings:
    """An answer without an id, as an SDK has it."""

    def __init__(self, tokens: int) -> None:
        self.model = "text-embedding-3-small"
        self.usage = {"prompt_tokens": tokens, "total_tokens": tokens}


def test_an_object_that_is_returned_again_was_asked_for_once() -> None:
    """So it is with a cache between the decorator and the function; a new object is a new answer, ids or not."""
    embed = costed(operation="embed", provider="openai")(lru_cache(Embeddings))
    fresh = costed(operation="fresh", provider="openai")(lambda tokens: Embeddings(tokens))  # noqa: PLW0108 - a class is not decorated
    with captured() as seen:
        for _ in range(3):
            embed(1000)
        for _ in range(100):
            fresh(1000)
        usage = seen.stats.usage

    assert (usage.request_volume, usage.tokens_by_type["input"]) == (101, 101_000)


def test_no_answer_is_kept_alive() -> None:
    """What knows an object again holds nothing of it."""
    kept: list[weakref.ref[Embeddings]] = []

    @costed(operation="embed", provider="openai")
    def embed() -> Embeddings:
        answer = Embeddings(1000)
        kept.append(weakref.ref(answer))
        return answer

    with captured() as seen:
        embed()
        assert seen.stats.usage.request_volume == 1
        assert kept[0]() is None


@pytest.mark.parametrize("read, tokens", [(1000, 1000), (990, 1000), (5000, 6000)])
def test_an_answer_with_an_id_of_langchains(read: int, tokens: int) -> None:
    """It counts only if nothing below counted one like it: its id says nothing of the provider's."""
    message = {
        "type": "ai",
        "id": "lc_run--01a22fa8-cb29-7735-820f-55636a09212c",
        "usage_metadata": {"input_tokens": read, "output_tokens": 100 if read < 5000 else 7, "total_tokens": 0},
        "response_metadata": {"model_name": "gpt-4o-mini-2024-07-18"},
    }
    ask = costed(operation="ask", provider="openai")(lambda: ANSWER)

    @costed(operation="chain", provider="openai")
    def chain(*calls: Any) -> dict[str, Any]:
        for call in calls:
            call()
        return message

    with captured() as seen:
        chain(ask)
        assert seen.stats.usage.tokens_by_type["input"] == tokens
    with captured() as seen:
        chain()
        assert seen.stats.usage.tokens_by_type["input"] == read


def test_a_call_whose_requests_are_those_below_it_is_no_answer_without_usage() -> None:
    """An agent that returns or streams text made no request by itself; one without any calls below may have."""
    ask = costed(operation="ask", provider="openai")(lambda told: {**ANSWER, "id": told})

    @costed(operation="agent", provider="openai")
    def agent(*told: str) -> str:
        for each in told:
            ask(each)
        return "the answer"

    @costed(operation="stream", provider="openai")
    def stream(*told: str) -> Iterator[str]:
        for each in told:
            ask(each)
            yield "a word"

    outer = costed(operation="outer")(lambda: agent("3"))
    with captured() as seen:
        agent("1", "2")
        outer()
        list(stream("4"))
        assert (seen.stats.usage.request_volume, seen.stats.cost.calls_without_usage) == (4, 0)
        assert seen.stats.cost.total_cost == 4 * PRICE
        agent()
        assert (seen.stats.usage.request_volume, seen.stats.cost.calls_without_usage) == (5, 1)


def test_one_answer_without_usage_is_not_told_again_by_the_calls_above_it() -> None:
    """A request whose usage is unknown is one, however many decorated calls pass its answer on."""
    ask = costed(operation="ask", provider="openai")(lambda: "text")
    agent = costed(operation="agent")(lambda: ask())  # noqa: PLW0108 - decorating itself would be one wrapper
    with captured() as seen:
        agent()
        assert (seen.stats.usage.request_volume, seen.stats.cost.calls_without_usage) == (1, 1)


def test_a_call_that_fails_is_unknown_unless_a_request_below_it_failed() -> None:
    """What failed is one request: the one below, if that tells nothing, else the call's own."""

    @costed(operation="ask", provider="openai")
    def ask(told: str, *, fails: bool = False) -> dict[str, Any]:
        if fails:
            raise TimeoutError
        return {**ANSWER, "id": told}

    @costed(operation="agent", provider="openai")
    def agent(told: str, *, below: bool) -> None:
        ask(told)
        if below:
            ask("", fails=True)
        raise TimeoutError

    for below in (True, False):
        with captured() as seen:
            with contextlib.suppress(TimeoutError):
                agent(str(below), below=below)
            assert (seen.stats.usage.request_volume, seen.stats.cost.calls_without_usage) == (2, 1)
            assert seen.events[-1].get("usage_duplicate", False) is below


def test_memory_is_bounded() -> None:
    """Beyond its limit the oldest answers, and the oldest calls that wait for their end, are forgotten."""
    once = DeduplicateUsage(remembered=10)

    def event(number: int) -> dict[str, Any]:
        return {"response_id": str(number), "input_tokens": 1, "trace_id": "t", "span_id": f"s{number}",
                "parent_span_id": f"p{number}", "duration_seconds": 1.0}  # fmt: skip

    for number in range(100):
        once(None, "info", event(number))
    assert len(once.open_spans) == 10
    assert "usage_duplicate" in once(None, "info", event(99))
    assert "usage_duplicate" not in once(None, "info", event(3))
