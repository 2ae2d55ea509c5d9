"""The subjects: ways to observe a call. Every group of them comes with the same floor.

A group is what fits into one process; groups whose dependencies contradict each other live in
environments of their own. No subject talks to a network: what would be sent is thrown away.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["CHAT", "GROUPS", "STORE", "Function", "Group", "Subject", "load", "subjects_of"]

Function = Callable[[Any], Any]


def nothing() -> None:
    """Do nothing: most subjects need no starting and no flushing."""


def one_question(count: int) -> Sequence[Any]:
    """Return the arguments of `count` calls: a short text each."""
    return ("what is the weather?",) * count


@dataclass(frozen=True)
class Subject:
    """One way to observe a call.

    `wrap` decorates a function or coroutine function under an operation's name. `flush` returns
    when all background work is done. `around` is entered around each series of calls, for
    subjects whose calls are children of another. `delivered` counts what has arrived so far.
    """

    name: str
    wrap: Callable[[Function, str], Function]
    start: Callable[[], object] = nothing
    flush: Callable[[], object] = nothing
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    delivered: Callable[[], int] | None = None
    arguments: Callable[[int], Sequence[Any]] = one_question


@dataclass(frozen=True)
class Group:
    """Subjects that share a process: the module that makes them, the environment's name and what it installs.

    `alone` is installed without what it asks for, where that cannot be had together.
    """

    module: str
    environment: str
    requirements: Sequence[str]
    alone: Sequence[str] = ()


_OTEL: Final = ("opentelemetry-sdk==1.45.2", "logfire==5.2.0", "autometrics==1.0.0")
GROUPS: Final[dict[str, Group]] = {
    "ours": Group("ours", "ours", ("--editable", ".")),
    "by hand": Group("by_hand", "ours", ("--editable", ".")),
    "opentelemetry": Group("telemetry", "peers", _OTEL),
    "logfire": Group("fire", "peers", _OTEL),
    "langfuse": Group("fuse", "langfuse", ("langfuse==5.0.4",)),
    # Its forty instrumentations of other SDKs rarely agree on one version, and none of them is used here.
    "openllmetry": Group("llmetry", "openllmetry", (
        "opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2", "grpcio", "aiohttp",
        "opentelemetry-instrumentation==0.66b2", "opentelemetry-semantic-conventions-ai==0.5.1", "httpx<1",
        "colorama", "tenacity", "jinja2", "pydantic", "deprecated<2", "cuid",
    ), (
        "traceloop-sdk==0.62.4", "opentelemetry-exporter-otlp-proto-grpc==1.45.2",
        "opentelemetry-instrumentation-logging==0.66b2", "opentelemetry-instrumentation-threading==0.66b1",
    )),
}  # fmt: skip

CHAT: Final = Group("chat", "chat", (
    "--editable", ".", "openai==3.3.0", "logfire==5.4.0", "langfuse==5.0.4", "litellm==1.110.2",
    "opentelemetry-instrumentation-openai-v2==2.4b0", "opentelemetry-util-genai==1.1b0",
    "opentelemetry-instrumentation-openai==0.62.4", "openinference-instrumentation-openai==0.1.66",
))  # fmt: skip
"""Of `benchmarks.chat`, which is no part of the table: what observes the OpenAI SDK, with the SDK."""

STORE: Final = Group("store", "store", ("--editable", ".[store]"))
"""Of `benchmarks.storing`."""


def load(name: str) -> Any:
    """Import a library that only this group's environment has."""
    return importlib.import_module(name)


def subjects_of(group: str) -> list[Subject]:
    """Return the group's subjects, with bare and floor before them; call it in the group's environment."""
    plain = importlib.import_module("benchmarks.subjects.plain").subjects()
    own = importlib.import_module(f"benchmarks.subjects.{GROUPS[group].module}").subjects()
    return [*plain, *own]
