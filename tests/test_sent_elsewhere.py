"""Decorated functions go to other processes: by name, or by value from `__main__` and notebooks."""

from __future__ import annotations

import contextvars
import copy
import functools
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
import pytest

from pepperpy_obs import MetricsCollector, costed, measured
from pepperpy_obs.config import Config
from pepperpy_obs.testing import captured

_SCRIPT = """
import asyncio, functools, sys
import cloudpickle
from pepperpy_obs import costed, measured, stats, tracked_usage

@costed(provider="openai", agent="reader", attributes={"team": "one"})
def ask(prompt, model="gpt-4o"):
    return {"model": model, "usage": {"prompt_tokens": 100, "completion_tokens": 0}}

@measured
def factorial(n):
    return n * factorial(n - 1) if n else 1

@tracked_usage(usage=lambda pair: pair[1], provider="openai", model="gpt-4o")
async def fetch(answer):
    return answer, {"input_tokens": 5, "output_tokens": 1}

@measured
def numbers(n):
    yield from range(n)

@measured
async def letters(text):
    for letter in text:
        yield letter

class Desk:
    @measured
    def greet(self):
        return "hello"

    @measured
    @classmethod
    def open(cls):
        return cls()

class Double:
    def __call__(self, number):
        return 2 * number

largest = measured(functools.partial(max, 3))
double = measured(Double())

async def collect(stream):
    return [item async for item in stream]

def work():
    ask("hi"), factorial(2), asyncio.run(fetch("yes")), list(numbers(2)), asyncio.run(collect(letters("ab")))
    Desk.open().greet(), largest(2), double(2)
    read = stats()
    calls = {name: one.calls for name, one in read.performance.operations.items()}
    return calls, str(read.cost.total_cost), read.cost.priced_calls, read.usage.input_tokens

cloudpickle.dump(work, sys.stdout.buffer)
"""

_WORKER = """
import json, pickle, sys
print(json.dumps(pickle.load(sys.stdin.buffer)()))
"""


def test_what_arrives_by_value_is_measured_where_it_runs(tmp_path: Path) -> None:
    """Functions, coroutines, streams, methods, partials and objects are counted in the worker, with their options."""
    script = tmp_path / "main.py"
    script.write_text(_SCRIPT, encoding="utf-8")
    sent = subprocess.run([sys.executable, str(script)], capture_output=True, check=True).stdout
    seen = subprocess.run([sys.executable, "-c", _WORKER], input=sent, capture_output=True, check=True).stdout

    calls, cost, priced, tokens = json.loads(seen)
    assert calls == {
        "ask": 1,
        "factorial": 3,
        "fetch": 1,
        "numbers": 1,
        "letters": 1,
        "Desk.open": 1,
        "Desk.greet": 1,
        "max": 1,
        "Double": 1,
    }
    assert (cost, priced, tokens) == ("0.0002500", 1, 105)


def test_what_arrives_in_its_own_process_is_still_ours() -> None:
    """A copy by value leaves its records in the same buffer, and hangs below the caller."""

    @measured(operation="copied", kind="tool")
    def function() -> None: ...

    @measured
    def caller() -> None:
        pickle.loads(cloudpickle.dumps(function))()

    with captured() as seen:
        caller()

    child, parent = seen.events
    assert (child["operation"], child["kind"]) == ("copied", "tool")
    assert child["parent_span_id"] == parent["span_id"]


@pytest.mark.parametrize(
    "target, argument",
    [(functools.partial(max, 3), 2), (math.floor, 2.5), ("text".count, "t"), (functools.partial(copy.copy), 3)],
)
def test_what_pickle_takes_it_takes_decorated(target: Any, argument: Any) -> None:
    """Partials, builtins and bound methods go by what they are made of, and are decorated anew."""
    decorated = costed(operation="sent", provider="openai")(target)

    arrived = pickle.loads(pickle.dumps(decorated))
    copied = copy.copy(decorated)

    with captured() as seen:
        assert arrived(argument) == copied(argument) == target(argument)
    assert [(event["operation"], event["provider"]) for event in seen.events] == [("sent", "openai")] * 2


def test_other_variables_and_collectors_stay_where_they_are() -> None:
    """Only what each process has of its own is named: another context variable is refused as ever."""
    with pytest.raises(TypeError, match=r"cannot pickle '_contextvars\.ContextVar' object"):
        pickle.dumps(contextvars.ContextVar("theirs"))
    collector = MetricsCollector(Config(config_file=None, log_format="none"))
    try:
        with pytest.raises(TypeError, match="make a MetricsCollector in each process"):
            pickle.dumps(collector.buffer)
    finally:
        collector.shutdown()
