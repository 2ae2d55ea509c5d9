"""Timeouts by signal, 50 to 500 us apart, in every shape that can be decorated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STORM = """
import asyncio, contextvars, json, random, signal, sys, threading, types
from pepperpy_obs import Config, _dispatch, agent, attributes, configure, costed, current_call, flush, measure, measured
from pepperpy_obs import shutdown, stats, tracked_usage
from pepperpy_obs._guard import failures

ANSWER = {"model": "gpt-4o", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
ROUNDS = int(sys.argv[2])
unraisable = []
sys.unraisablehook = lambda found: unraisable.append(f"{found.exc_value!r} in {found.object!r}")
armed = False
raised = caught = bodies = still_current = 0
others = []


class TimeIsUp(ERROR):
    pass


def handle(number, frame):
    global armed, raised
    if armed:
        armed = False
        raised += 1
        raise TimeIsUp


def hit():
    global bodies
    bodies += 1


@measured(operation="op")
def plain(): hit()

@costed(operation="op", provider="openai")
def priced():
    hit()
    current_call().add(x=1)
    return dict(ANSWER)

@measured(operation="op")
def failing():
    hit()
    raise KeyError

@measured(operation="op")
def outer():
    plain()
    hit()

class Agent:
    @measured(operation="op")
    def ask(self): hit()

    @classmethod
    @measured(operation="op")
    def make(cls): hit()

@measured(operation="op")
def stream():
    hit()
    yield 1
    yield 2

@costed(operation="op", provider="openai")
def priced_stream():
    hit()
    yield {"choices": []}
    yield dict(ANSWER)

@measured(operation="op")
async def coroutine():
    hit()
    await asyncio.sleep(0)

@measured(operation="op")
async def async_stream():
    hit()
    yield 1
    await asyncio.sleep(0)
    yield 2

@tracked_usage(operation="op", provider="openai")
def returns_a_stream():
    hit()
    def items():
        yield {"choices": []}
        yield dict(ANSWER)
    return items()

@tracked_usage(operation="op", provider="openai")
def returns_a_coroutine():
    async def answer():
        hit()
        return dict(ANSWER)
    return answer()

sdk = sys.modules["openai._streaming"] = types.ModuleType("openai._streaming")
exec('''
class Stream:
    left = 3
    def __iter__(self): return self
    def __next__(self):
        if not self.left: raise StopIteration
        self.left -= 1
        return {"choices": []}
    def close(self): pass
    def __enter__(self): return self
    def __exit__(self, *found): self.close()
''', vars(sdk))

@costed(operation="op", provider="openai")
def returns_an_sdk_stream():
    hit()
    return sdk.Stream()

def fails():
    try:
        failing()
    except KeyError:
        pass

def block():
    with measure("op"):
        hit()

async def async_block():
    async with measure("op"):
        hit()

def in_blocks():
    with agent("planner"), attributes(customer="acme"):
        plain()

def sdk_stream_in_with():
    with returns_an_sdk_stream() as items:
        for _ in items:
            pass

async def drain():
    async for _ in async_stream():
        pass

def drive(running):
    try:
        while True:
            running.send(None)
    except StopIteration:
        pass
    finally:
        running.close()

ask = Agent()
SHAPES = [plain, priced, fails, outer, ask.ask, Agent.make, lambda: list(stream()), lambda: list(priced_stream()),
          lambda: drive(coroutine()), lambda: drive(drain()), lambda: list(returns_a_stream()),
          lambda: drive(returns_a_coroutine()), lambda: list(returns_an_sdk_stream()), sdk_stream_in_with, block,
          lambda: drive(async_block()), in_blocks]
random = random.Random(11)


def one_round(shape):
    global armed, caught, still_current
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, random.uniform(50e-6, 500e-6))
        while armed:
            shape()
    except TimeIsUp:
        caught += 1
    except BaseException as error:
        others.append(repr(error))
    if current_call().operation is not None:
        still_current += 1


configure(Config(config_file=None, log_file=sys.argv[1], log_format="json", log_max_bytes=0, drain_interval=0.01))
signal.signal(signal.SIGALRM, handle)
for shape in SHAPES:
    for _ in range(ROUNDS):
        contextvars.Context().run(one_round, shape)
signal.signal(signal.SIGALRM, signal.SIG_IGN)


@measured(operation="another thread's")
def elsewhere(): pass


thread = threading.Thread(target=lambda: [elsewhere() for _ in range(2000)], daemon=True)
thread.start()
thread.join(60)
flush()
runtime = _dispatch.runtime()
reading = runtime.reading()
operations = stats().performance.operations
print(json.dumps({"raised": raised, "caught": caught, "others": others, "still current": still_current,
                  "stuck": thread.is_alive(), "bodies": bodies, "counted": operations["op"].calls,
                  "elsewhere": operations["another thread's"].calls, "active": sum(reading.live.active.values()),
                  "dropped": dict(reading.own.dropped), "failures": failures(), "unraisable": unraisable}))
shutdown()
"""
ROUNDS = 60
SHAPES = 17


@pytest.mark.hostile
@pytest.mark.parametrize("error", ["Exception", "BaseException"])
def test_a_storm_of_timeouts(error: str, tmp_path: Path) -> None:
    """Each timeout reaches the code, no call is lost, left running or current, and no lock is left held."""
    log = tmp_path / "app.log"
    # "Never awaited" is Python's own word on a coroutine that a timeout has kept from being awaited.
    command = [sys.executable, "-W", "ignore", "-c", STORM.replace("ERROR", error), str(log), str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    assert done.stderr == ""
    found = json.loads(done.stdout)
    bodies, counted = found.pop("bodies"), found.pop("counted")
    assert found == {
        "raised": ROUNDS * SHAPES,
        "caught": ROUNDS * SHAPES,
        "others": [],
        "still current": 0,
        "stuck": False,
        "elsewhere": 2000,
        "active": 0,
        "dropped": {},
        "failures": {},
        "unraisable": [],
    }
    # A call whose record was begun, and which was broken off before its body, is one more; it may have a call around.
    assert bodies <= counted <= bodies + 2 * ROUNDS * SHAPES
    ids = [json.loads(line)["event_id"] for line in log.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) == counted + 2000
