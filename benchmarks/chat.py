"""One `chat.completions.create` of the real OpenAI SDK over a stub transport: what each way to observe it adds.

In an environment of its own, and each way in a process of its own, for most of them change the SDK's classes for good:
first the bare client is measured, then the same client observed. Exporters throw away what they are given. What each
has counted of one answer is told by what it would have exported.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from benchmarks.subjects import load
from benchmarks.subjects.chat import PEERS, Observed

__all__ = ["main"]

_CHUNKS: Final = 50
_MODEL: Final = "gpt-4o-2024-08-06"
_USAGE: Final = {
    "prompt_tokens": 1200,
    "completion_tokens": 80,
    "total_tokens": 1280,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_ids: Final = itertools.count()


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{next(_ids):024d}", "object": kind, "created": 1_700_000_000, "model": _MODEL}


def _answer() -> dict[str, Any]:
    message = {"role": "assistant", "content": "Sunny.", "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**_head("chat.completion"), "service_tier": "default", "choices": [choice], "usage": _USAGE}


def _chunks() -> Iterator[bytes]:
    head = {**_head("chat.completion.chunk"), "service_tier": "default", "usage": None}
    for number in range(_CHUNKS):
        delta = {"content": "sun "} if number else {"role": "assistant", "content": ""}
        reason = "stop" if number == _CHUNKS - 1 else None
        chunk = {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]}
        yield b"data: %b\n\n" % json.dumps(chunk).encode()
    yield b"data: %b\n\ndata: [DONE]\n\n" % json.dumps({**head, "choices": [], "usage": _USAGE}).encode()


def client() -> Any:
    """Return a client of the SDK whose requests are answered on the spot."""
    httpx = load("httpx")

    def answer(request: Any) -> Any:
        if json.loads(request.content).get("stream"):
            return httpx.Response(200, content=b"".join(_chunks()), headers={"content-type": "text/event-stream"})
        return httpx.Response(200, json=_answer())

    return load("openai").OpenAI(
        api_key="nobody",
        base_url="http://127.0.0.1:9/v1",
        max_retries=0,
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    )


def _ask(create: Callable[..., Any], *, stream: bool) -> None:
    asked: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "what is the weather?"}]}
    if not stream:
        create(**asked)
        return
    for _ in create(**asked, stream=True, stream_options={"include_usage": True}):
        pass


def _measure(create: Callable[..., Any], flush: Callable[[], object], scale: tuple[int, int]) -> dict[str, float]:
    """Return microseconds of CPU in the caller's thread, and in all until all is flushed: the least of several series.

    Nothing is waited for, so that on an idle machine the caller's wall time is its thread's time.
    """
    calls, repeat = scale
    found: dict[str, float] = {}
    for name, stream in (("unary", False), ("stream", True)):
        callers, cpus = [], []
        for _ in range(repeat):
            cpu, caller = time.process_time_ns(), time.thread_time_ns()
            for _ in range(calls):
                _ask(create, stream=stream)
            callers.append(time.thread_time_ns() - caller)
            flush()
            cpus.append(time.process_time_ns() - cpu)
        found |= {f"{name} caller us": min(callers) / calls / 1e3, f"{name} CPU us": min(cpus) / calls / 1e3}
    return found


def _of(name: str, scale: tuple[int, int]) -> dict[str, Any]:
    """Return what one way adds, and what it has counted of one answer and of one stream."""
    bare = client()
    nothing = Observed(bare.chat.completions.create)
    for stream in (False, True):
        _ask(nothing.create, stream=stream)
    before = _measure(nothing.create, nothing.flush, scale)
    seen = PEERS[name](client())
    counted = {}
    for kind, stream in (("unary", False), ("stream", True)):
        _ask(seen.create, stream=stream)
        seen.flush()
        counted[kind] = seen.counted()
    seen.quiet()
    after = _measure(seen.create, seen.flush, scale)
    return {**{f"added: {key}": round(after[key] - before[key], 1) for key in after}, "counted": counted}


def main() -> None:
    """Measure the way that is named, or each in a process of its own, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PEERS)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=25)
    given = parser.parse_args()
    if given.only:
        sys.stdout.write(f"\n{json.dumps(_of(given.only, (given.calls, given.repeat)))}\n")
        return
    found: dict[str, Any] = {}
    for name in given.peers:
        command = [sys.executable, "-m", "benchmarks.chat", "--only", name, "--calls", str(given.calls)]
        done = subprocess.run([*command, "--repeat", str(given.repeat)], capture_output=True, text=True, check=False)  # noqa: S603 - ours
        # Where a library is missing, the row says which.
        found[name] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else done.stderr.splitlines()[-1]
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
