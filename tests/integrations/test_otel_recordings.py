"""Recorded spans of real instrumentations, where they lie beside the checkout: what is counted is what was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pepperpy_obs.integrations.opentelemetry import ObsSpanProcessor
from pepperpy_obs.testing import captured

Tokens = tuple[int, int]
"""Of the input and of the output of one request."""
CHAT: Tokens = (1200, 300)
RESPONSES: Tokens = (2000, 450)
CLAUDE: Tokens = (3900, 250)
GEMINI: Tokens = (900, 200)
NOTHING: Tokens = (0, 0)
FAMILIES: dict[Tokens, set[str]] = {
    CHAT: {"gpt-4o-mini", "gpt-4o-mini-2024-07-18"},
    RESPONSES: {"gpt-5.1", "gpt-5.1-2025-11-13"},
    CLAUDE: {"claude-sonnet-4-5", "claude-sonnet-4-5-20250929"},
    GEMINI: {"gemini-2.5-flash"},
}
CACHED: dict[Tokens, int] = {CHAT: 1024, RESPONSES: 512, CLAUDE: 3000, GEMINI: 256}
BLIND_TO_CACHES = ("openai-v2", "agents")
"""Instrumentations that leave out which input was cached, or do so for some requests."""

RUNS: dict[str, list[Tokens]] = {
    "lc.agent_langgraph": [CHAT, CHAT],
    "lc.agent_langgraph_astream": [CHAT, CHAT],
    "combo.pyai": [CHAT, CHAT],
    "combo.agents_chat": [CHAT, CHAT],
    "combo.agents_responses": [RESPONSES, RESPONSES],
    "combo.agents_stream": [RESPONSES, RESPONSES],
    "agents.responses_tool": [RESPONSES, RESPONSES],
    "agents.chat_tool": [CHAT, CHAT],
    "agents.responses_stream": [RESPONSES, RESPONSES],
    "agents.chat_stream": [NOTHING],
    "agno.tool": [CHAT, CHAT],
    "strands.tool": [CHAT, CHAT],
    "gemini.embed": [NOTHING],
    "gemini.tools_afc": [GEMINI, GEMINI],
    "gemini.stream_early_close": [(900, 10)],
    "pyai.chat_tool": [CHAT, CHAT],
    "pyai.responses_tool": [RESPONSES, RESPONSES],
    "pyai.chat_stream_early": [CHAT],
    "pyai.google": [GEMINI],
    "pyai.nested_agents": [RESPONSES, CHAT, RESPONSES],
}
MISSES: dict[tuple[str, str], list[Tokens]] = {
    ("litellm", "litellm.stream_nousage"): [(9, 2)],
    ("logfire.instrument_anthropic", "anthropic.messages_raw"): [NOTHING],
    ("logfire.instrument_openai", "openai.chat_streaming_response"): [NOTHING],
    ("opentelemetry-instrumentation-openai-0", "openai.chat_raw_stream"): [NOTHING],
    ("google-genai", "gemini.tools_afc"): [GEMINI],
    ("genai-openai-agents", "agents.responses_tool"): [],
    ("genai-openai-agents", "agents.chat_tool"): [],
    ("genai-openai-agents", "agents.responses_stream"): [],
    ("genai-openai-agents", "agents.ERR429"): [],
}
"""Where the spans themselves are wrong or silent: what they say, of which `FLAGS` warn (docs/opentelemetry.md)."""
FLAGS = {
    "litellm.stream_nousage": ["estimated"],
    "anthropic.messages_raw": ["told_apart"],
    "openai.chat_streaming_response": ["told_apart"],
    "openai.chat_raw_stream": ["missing"],
    "gemini.tools_afc": ["requests_unseen"],
}


class Seen(NamedTuple):
    """What was counted of one scenario."""

    tokens: list[Tokens]
    cached: int
    models: set[str]
    flags: list[str]


def missed(recording: str, scenario: str) -> list[Tokens] | None:
    """Return what the spans of a scenario say where they are wrong, else None."""
    for (name, of), told in MISSES.items():
        if name in recording and of == scenario and not recording.startswith("combo"):
            return told
    return None


SHAPES: list[tuple[str, list[Tokens]]] = [
    (r"mcp\.|\?|.*(count_tokens|batches|retrieve)", []),
    (r".*ERR", [NOTHING]),
    (r"anthropic\..*early", [(3900, 0)]),
    (r".*(nousage|early|dropped|stream_default)", [NOTHING]),
    (r".*embedding", [(77, 0)]),
    (r".*legacy", [(11, 7)]),
    (r"(\w+\.)?anthropic", [CLAUDE]),
    (r"gemini\.", [GEMINI]),
    (r".*responses", [RESPONSES]),
    (r"", [CHAT]),
]
"""What the name of any other scenario tells of its requests; the first that fits."""


def truth(scenario: str) -> list[Tokens]:
    """Return the tokens of each request that a scenario made."""
    return RUNS.get(scenario) or next(told for pattern, told in SHAPES if re.match(pattern, scenario))


def span(row: dict[str, Any]) -> ReadableSpan:
    """Return a span as it was when it ended."""

    def context(name: str) -> SpanContext:
        return SpanContext(int(row["trace_id"], 16), int(name, 16), is_remote=False, trace_flags=TraceFlags(1))

    return ReadableSpan(
        row["name"],
        context=context(row["span_id"]),
        parent=context(row["parent_id"]) if row["parent_id"] else None,
        attributes=row["attributes"],
        events=[Event(one["name"], one.get("attributes"), one.get("time_ns")) for one in row["events"]],
        kind=SpanKind[row["kind"]],
        instrumentation_scope=InstrumentationScope(row["scope"] or "", ""),
        status=Status(StatusCode[row["status"]]),
        start_time=row["start_ns"],
        end_time=row["end_ns"],
    )


def counted(events: list[dict[str, Any]]) -> Seen:
    """Return what is counted of events: each request, and its usage where another event tells it."""
    tokens: list[Tokens] = []
    seen = Seen(tokens, 0, set(), [])
    cached = 0
    for event in events:
        if event.get("usage_duplicate") or not (event.get("provider") or event.get("model") or event["kind"] == "llm"):
            continue
        told = event.get("input_tokens", 0), event.get("output_tokens", 0)
        if event.get("usage_aggregate"):  # of the request that was counted just before
            tokens.remove(NOTHING)
        tokens.append(told)
        cached += event.get("cache_read_tokens", 0)
        seen.models.update(event[name] for name in ("model", "response_model") if name in event)
        seen.flags.extend(event.get("usage_flags", ()))
    return seen._replace(cached=cached)


def replayed(path: Path) -> Iterator[tuple[str, Seen]]:
    """Yield each scenario of a recording with what was counted of it."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with captured() as seen:
        processor = ObsSpanProcessor()
        for scenario in dict.fromkeys(row["_scenario"] for row in rows):
            before = len(seen.events)
            for row in rows:
                if row["_scenario"] == scenario:
                    one = span(row)
                    processor.on_end(one)
            yield scenario, counted([*seen.events][before:])


def recordings(root: Path) -> list[Path]:
    """Return the recordings of spans: not of metrics and logs, nor of another tracing than OpenTelemetry's."""
    return [
        path
        for path in sorted(root.glob("*.jsonl"))
        if path.name.count(".metrics.") + path.name.count(".logs.") + path.name.count("agents-native") == 0
    ]


def agrees(seen: Seen, true: list[Tokens], scenario: str, recording: str) -> bool:
    """Tell whether tokens, models and cached tokens are the true ones; of a stream left early the output is a guess."""
    early = "early" in scenario and any(written == 0 < read for read, written in true)
    tokens = [(read, 0) for read, _ in seen.tokens] if early else seen.tokens
    models = set[str]().union(*(FAMILIES.get(each, set()) for each in true))
    if scenario.startswith("mistral."):
        models = {"mistral-large-latest", "mistral-embed", "m"}
    cached = sum(CACHED.get(each, 0) for each in true)
    blind = "early" in scenario or any(word in recording for word in BLIND_TO_CACHES)
    return sorted(tokens) == sorted(true) and (not models or seen.models <= models) and (blind or seen.cached == cached)


def test_each_request_is_counted_once_with_its_tokens_and_models(shared: Callable[[str], Path]) -> None:
    """Thirty recordings, alone and two instrumentations at once: requests, tokens, cached tokens and models."""
    wrong: list[tuple[str, str, Seen]] = []
    paths = recordings(shared("data/spans"))
    assert len(paths) == 30
    for path in paths:
        for scenario, seen in replayed(path):
            said = missed(path.name, scenario)
            true = truth(scenario) if said is None else said
            if not agrees(seen, true, scenario, path.name):
                wrong.append((path.name, scenario, seen))
            elif said:
                assert seen.flags == FLAGS[scenario]
    assert wrong == []
