"""Every recorded answer against an independent reading of its usage by the documented rules.

The reading below shares no code with the package and no table either: it is written per
provider, from the providers' own documentation of their fields.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot

from pepperpy_obs import usage

Row = dict[str, Any]
Reading = dict[str, int]


@pytest.fixture(scope="module")
def rows(shared: Callable[[str], Path]) -> list[Row]:
    """Return the recorded answers of providers."""
    with gzip.open(shared("data/provider_responses/responses.jsonl.gz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


# The independent reading


def stated(row: Row) -> Any:
    """Return the usage object that the recording's own reader found, without its path; None if there is none.

    Of streams that name each count only where it changes, that reader kept too little.
    """
    found = row["usage_last"]
    if row["kind"] == "eventstream" and found:
        merged: dict[str, Any] = {}
        for event in (payload for kind, payload in row["events"] if kind == "chunk"):
            merged |= {key: value for key, value in event.items() if value is not None}
        if "totalOutputTextTokenCount" in merged or "generation_token_count" in merged:
            return merged
    if not found:
        return None
    if len(found) == 1 and isinstance(next(iter(found.values())), dict):
        return next(iter(found.values())) or None
    return found


def sse(row: Row) -> Iterator[Any]:
    """Yield the objects of a recorded event stream, in the plainest way."""
    for line in row["body"].splitlines():
        if line.startswith("data:") and line[5:].strip().startswith("{"):
            yield json.loads(line[5:])


def anthropic_stream(row: Row) -> dict[str, Any]:
    """message_start, then message_delta over it: cumulative, field by field."""
    merged: dict[str, Any] = {}
    for event in sse(row):
        if event.get("type") == "message_start":
            merged.update(event["message"]["usage"])
        elif event.get("type") == "message_delta":
            merged.update({key: value for key, value in (event.get("usage") or {}).items() if value is not None})
    return merged


def expected(row: Row) -> Reading | None:
    """Return input, output, cache reads and writes and reasoning as the provider's documentation defines them."""
    said = stated(row)
    if said is None:
        return None
    if row["provider"] == "anthropic" and row["kind"] == "sse":
        said = anthropic_stream(row)
    if row["provider"] == "cohere" and row["kind"] == "json":
        said = decoded(row).get("meta", said)  # the recording's reader left the cached part out
    for reading in (google, bedrock, cohere, anthropic, local, openai):
        if (found := reading(said)) is not None:
            return {name: int(count) for name, count in found.items() if count is not None}
    return {}


def google(said: Any) -> dict[str, Any] | None:
    """Thoughts and tool results are reported beside candidates and prompt (cached content within the prompt)."""
    if not any(key in said for key in ("promptTokenCount", "totalTokenCount")):
        return None
    answer = said.get("candidatesTokenCount", said.get("responseTokenCount"))
    thoughts = said.get("thoughtsTokenCount")
    read = said.get("promptTokenCount", said.get("totalTokenCount") if answer is None and thoughts is None else 0)
    return {
        "input_tokens": read + said.get("toolUsePromptTokenCount", 0),
        "output_tokens": None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
        "cache_read_tokens": said.get("cachedContentTokenCount"),
        "reasoning_tokens": thoughts,
    }


def bedrock(said: Any) -> dict[str, Any] | None:
    """Converse's inputTokens leave out what the cache was asked for; Titan and Llama count plainly."""
    if "inputTextTokenCount" in said:
        written = [result["tokenCount"] for result in said.get("results", [])]
        answer = said.get("totalOutputTextTokenCount", sum(written) if written else None)
        return {"input_tokens": said["inputTextTokenCount"], "output_tokens": answer}
    if "generation_token_count" in said:
        return {"input_tokens": said["prompt_token_count"], "output_tokens": said["generation_token_count"]}
    if "inputTokens" not in said and "inputTokenCount" not in said:
        return None
    cached = said.get("cacheReadInputTokens", said.get("cacheReadInputTokenCount"))
    stored = said.get("cacheWriteInputTokens", said.get("cacheWriteInputTokenCount"))
    return {
        "input_tokens": said.get("inputTokens", said.get("inputTokenCount")) + (cached or 0) + (stored or 0),
        "output_tokens": said.get("outputTokens", said.get("outputTokenCount")),
        "cache_read_tokens": cached,
        "cache_write_tokens": stored,
    }


def cohere(said: Any) -> dict[str, Any] | None:
    """What is billed counts; what is cached is a part of all tokens, and so is the same share of the billed ones."""
    if "billed_units" not in said:
        return None
    billed = said["billed_units"]
    cached = said.get("cached_tokens")
    everything = said.get("tokens", billed).get("input_tokens") or 1
    return {
        "input_tokens": billed.get("input_tokens"),
        "output_tokens": billed.get("output_tokens"),
        "cache_read_tokens": None if cached is None else cached * billed["input_tokens"] // everything,
    }


def anthropic(said: Any) -> dict[str, Any] | None:
    """input_tokens leave out reads and writes of the cache."""
    if "total_tokens" in said or "input_tokens" not in said:
        return None
    cached, stored = said.get("cache_read_input_tokens"), said.get("cache_creation_input_tokens")
    return {
        "input_tokens": said["input_tokens"] + (cached or 0) + (stored or 0),
        "output_tokens": said["output_tokens"],
        "cache_read_tokens": cached,
        "cache_write_tokens": stored,
        "reasoning_tokens": (said.get("output_tokens_details") or {}).get("thinking_tokens"),
    }


def local(said: Any) -> dict[str, Any] | None:
    """Ollama leaves out the prompt's count when the prompt was cached."""
    if "eval_count" not in said:
        return None
    return {"input_tokens": said.get("prompt_eval_count"), "output_tokens": said["eval_count"]}


def openai(said: Any) -> dict[str, Any] | None:
    """OpenAI and the many that speak its language; xAI and others report reasoning beside the completion."""
    if "prompt_tokens" not in said and "input_tokens" not in said:
        return {"input_tokens": said["total_tokens"]} if "total_tokens" in said else None
    read = said.get("prompt_tokens", said.get("input_tokens"))
    written = said.get("completion_tokens", said.get("output_tokens"))
    if written is not None and said.get("total_tokens", 0) > read + written:
        written = said["total_tokens"] - read
    reads = (said.get(name) or {} for name in ("prompt_tokens_details", "input_tokens_details", "prompt_token_details"))
    inner = {key: value for each in reads for key, value in each.items()}
    inner |= said.get("input_token_details") or {}
    outer = said.get("completion_tokens_details") or said.get("output_tokens_details") or said
    cached = [inner.get("cached_tokens"), *(said.get(name) for name in CACHED)]
    known = [min(each, read) for each in cached if each is not None]
    reasoned = (said.get("output_token_details") or outer).get("reasoning_tokens")
    return {
        "input_tokens": read,
        "output_tokens": written,
        "cache_read_tokens": known[0] if known else None,
        "cache_write_tokens": inner.get("cache_write_tokens"),
        "reasoning_tokens": None if reasoned is None else min(reasoned, written),
    }


CACHED = ("prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens", "cached_prompt_text_tokens")

# The package's reading, in every form in which a caller may hold the answer


def decoded(row: Row) -> Any:
    """Return a recorded body as Python sees it."""
    return json.loads(row["body"])


def streamed(items: list[Any]) -> usage.Captured | None:
    """Watch the items pass by."""
    stream = usage.Stream()
    for item in items:
        stream.feed(item)
    return stream.captured()


def forms(row: Row) -> Iterator[tuple[str, Callable[[], usage.Captured | None]]]:
    """Yield each form in which a caller may hold the answer, and how it is captured."""
    if row["kind"] == "eventstream":
        raw = base64.b64decode(row["body_b64"])
        yield "events", lambda: streamed([{kind: payload} for kind, payload in row["events"]])
        yield "pairs", lambda: streamed(row["events"])
        yield "frames", lambda: usage.capture(raw)
        yield "pieces of frames", lambda: streamed([raw[at : at + 100] for at in range(0, len(raw), 100)])
        return
    body = row["body"]
    yield "text", lambda: usage.capture(body)
    yield "bytes", lambda: usage.capture(body.encode())
    if row["kind"] == "json":
        yield "dict", lambda: usage.capture(decoded(row))
        return
    yield "one chunk", lambda: streamed([body])
    yield "pieces", lambda: streamed([body[at : at + 61] for at in range(0, len(body), 61)])
    yield "bytes in pieces", lambda: streamed([body.encode()[at : at + 4099] for at in range(0, len(body) * 2, 4099)])
    if row["kind"] in {"sse", "ndjson"}:
        yield "lines", lambda: streamed(body.splitlines())
        yield "lines with ends", lambda: streamed(body.splitlines(keepends=True))
    if row["kind"] == "sse":
        yield "items", lambda: streamed(list(sse(row)))
    if row["kind"] == "json-array-stream":
        yield "items", lambda: streamed(decoded(row))


TYPES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


def found(captured: usage.Captured | None, row: Row) -> Reading:
    """Return the package's reading, reduced to what is compared."""
    read = None if captured is None else usage.read(captured, model=row["request_model"])
    return {} if read is None else {name: count for name in TYPES if (count := getattr(read, name)) is not None}


def told_elsewhere(row: Row) -> bool:
    """Tell where the recording's reader found none though there is some: in a Bedrock agent's traces, at watsonx."""
    return "/agents/" in row["path"] or row["provider"] == "watsonx"


@pytest.mark.slow
def test_every_recorded_usage_is_read_as_documented(
    rows: list[Row], record_property: Callable[[str, object], None]
) -> None:
    """Whatever the provider and the form in which the caller holds the answer, the numbers are the documented ones."""
    score: Counter[str] = Counter()
    failures = []
    for row in rows:
        want = expected(row)
        if want is None:
            continue
        wrong = [(form, got) for form, read in forms(row) if (got := found(read(), row)) != want]
        score[f"{row['provider']} {'wrong' if wrong else 'right'}"] += 1
        failures += [f"{row['id']} {row['path'][-50:]} {form}: want {want}, got {got}" for form, got in wrong]
    record_property("score", dict(sorted(score.items())))
    assert failures == [], "\n".join([*failures, json.dumps(dict(sorted(score.items())), indent=1)])


def test_answers_without_usage_give_none(rows: list[Row]) -> None:
    """An answer that states no usage gives no numbers: an error body nothing, a cut stream its names."""
    invented = [
        f"{row['id']} {form}: {got}"
        for row in rows
        if stated(row) is None and not told_elsewhere(row)
        for form, read in forms(row)
        if (got := found(read(), row))
    ]
    assert invented == []


# Another's reading

THEIRS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "input_audio_tokens": "audio_input_tokens",
    "output_audio_tokens": "audio_output_tokens",
    "cache_audio_read_tokens": "audio_cache_read_tokens",
    "input_image_tokens": "image_input_tokens",
    "output_image_tokens": "image_output_tokens",
    "cache_image_read_tokens": "image_cache_read_tokens",
    "input_video_tokens": "video_input_tokens",
    "web_searches": "web_searches",
}
"""What genai-prices can read of an answer, and the package's names for it."""
THEIR_PROVIDERS = {"google-gemini": "google", "google-vertex": "google", "aws-bedrock": "aws", "azure-openai": "azure"}


def by_the_library(row: Row) -> Iterator[Reading]:
    """Yield what the library reads of an answer by each of its ways to read the provider's."""
    try:
        provider = get_snapshot().find_provider(None, THEIR_PROVIDERS.get(row["provider"], row["provider"]), None)
    except LookupError:
        return
    for extractor in provider.extractors or ():
        try:
            _, read = provider.extract_usage(decoded(row), api_flavor=extractor.api_flavor)
        except (LookupError, ValueError, AttributeError):
            continue
        yield {THEIRS[name]: count for name, count in vars(read).items() if name in THEIRS and count}


def test_what_genai_prices_can_read_is_read_alike(rows: list[Row]) -> None:
    """Whatever the library finds in a whole answer is found here too, and is the same."""
    compared, differing = 0, []
    for row in rows:
        # It knows no answers of Gemini Live, whose output it takes to be thoughts only.
        if row["kind"] != "json" or not row["usage_last"] or row["provider"] == "google-gemini-realtime":
            continue
        captured = usage.capture(row["body"])
        read = None if captured is None else usage.read(captured, model=row["request_model"])
        way = max(by_the_library(row), key=len, default={})
        if not way:
            continue
        compared += 1
        # Two of xAI's answers have more cached than read: that is cut here.
        if {name: getattr(read, name) for name in way} != way:
            cut = read is not None and any(flag.startswith("cache_read_tokens:") for flag in read.flags)
            differing += [] if cut else [f"{row['id']}: theirs {way}, ours {read}"]
    assert differing == []
    assert compared > 1800
