# ruff: noqa: D103 - a call of somebody's SDK says what it does
# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
"""The SDKs themselves, answered by a server of ours: what they make of an answer is read as the answer is.

They are no part of the tests' environment: `make sdks` has one of its own for them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from pepperpy_obs import usage
from tests.sdks.bodies import (
    CANDIDATE,
    CHAT,
    CHOICE,
    CHUNKS,
    COHERE,
    CONVERSE,
    EVENTS,
    GEMINI,
    MESSAGE,
    OLLAMA,
    RESPONSE,
)

QUESTION = [{"role": "user", "content": "Hello?"}]


class Server:
    """Answers whatever it is asked with the next of the bodies that it was given, the last one again and again."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.kind = "application/json"
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                body = server.bodies.pop(0) if len(server.bodies) > 1 else server.bodies[0]
                self.send_response(200)
                self.send_header("content-type", server.kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815 - so it has to be called

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, *answers: Any) -> None:
        """Give these answers, one after another."""
        self.bodies, self.kind = [json.dumps(answer).encode() for answer in answers], "application/json"

    def stream(self, items: list[Any]) -> None:
        """Give a stream of these items."""
        names = [f"event: {item['type']}\n" if "type" in item else "" for item in items]
        lines = [f"{name}data: {json.dumps(item)}\n\n" for name, item in zip(names, items, strict=True)]
        if "object" in items[0]:
            lines.append("data: [DONE]\n\n")
        self.bodies, self.kind = ["".join(lines).encode()], "text/event-stream"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a server of ours, with the keys that SDKs want in the environment."""
    keys = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GEMINI_API_KEY")
    os.environ.update(dict.fromkeys(keys, "k"), AWS_DEFAULT_REGION="us-east-1", OPENAI_AGENTS_DISABLE_TRACING="1")
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True")
    server = Server()
    yield server
    server.close()


def read(answer: object) -> dict[str, Any]:
    """Return the event fields that an answer gives; a count of 0 and one that is not told are the same here."""
    captured = usage.capture(answer)
    assert captured is not None
    found = usage.read(captured)
    assert found is not None
    return {key: value for key, value in usage.fields(found).items() if value != 0}


def watched(items: Iterable[Any]) -> dict[str, Any]:
    """Return the same of a stream whose items pass by."""
    stream = usage.Stream()
    for item in items:
        stream.feed(item)
    return read(stream.captured())


KEPT: list[Any] = []
"""Clients whose answers may be read after they were made; some close what they opened when they are collected."""


def kept(client: Any) -> Any:
    KEPT.append(client)
    return client


def openai(url: str) -> Any:
    import openai

    return openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)


def anthropic(url: str) -> Any:
    import anthropic

    return anthropic.Anthropic(api_key="k", base_url=url, max_retries=0)


def google(url: str) -> Any:
    from google import genai

    return kept(genai.Client(api_key="k", http_options={"base_url": url}))


def bedrock(url: str) -> Any:
    import boto3

    return boto3.client("bedrock-runtime", endpoint_url=url)


def mistral(url: str) -> Any:
    from mistralai.client import Mistral

    return Mistral(api_key="k", server_url=url)


def cohere(url: str) -> Any:
    import cohere

    return cohere.ClientV2(api_key="k", base_url=url)


def groq(url: str) -> Any:
    import groq

    return groq.Groq(api_key="k", base_url=url)


def together(url: str) -> Any:
    import together

    return together.Together(api_key="k", base_url=f"{url}/v1")


def hugging_face(url: str) -> Any:
    from huggingface_hub import InferenceClient

    return kept(InferenceClient(base_url=f"{url}/v1", api_key="k"))


def ollama(url: str) -> Any:
    import ollama

    return ollama.Client(host=url)


def litellm(url: str) -> Callable[..., Any]:
    import litellm

    litellm.suppress_debug_info = True
    return lambda model, base="": litellm.completion(model=model, messages=QUESTION, api_base=url + base, api_key="k")


def asked(name: str, **more: Any) -> dict[str, Any]:
    return {"model": name, "messages": QUESTION, **more}


CALLS: dict[str, tuple[Callable[[str], Any], Any]] = {
    "openai chat": (lambda url: openai(url).chat.completions.create(**asked("gpt-4o")), CHAT),
    "openai raw": (lambda url: openai(url).chat.completions.with_raw_response.create(**asked("gpt-4o")), CHAT),
    "openai responses": (lambda url: openai(url).responses.create(model="gpt-5-mini", input="Hello?"), RESPONSE),
    "anthropic": (lambda url: anthropic(url).messages.create(**asked("claude", max_tokens=9)), MESSAGE),
    "anthropic raw": (
        lambda url: anthropic(url).messages.with_raw_response.create(**asked("claude", max_tokens=9)),
        MESSAGE,
    ),
    "anthropic beta": (lambda url: anthropic(url).beta.messages.create(**asked("claude", max_tokens=9)), MESSAGE),
    "google-genai": (lambda url: google(url).models.generate_content(model="gemini", contents="Hello?"), GEMINI),
    "boto3 converse": (
        lambda url: bedrock(url).converse(modelId="m", messages=[{"role": "user", "content": [{"text": "Hello?"}]}]),
        CONVERSE,
    ),
    "boto3 invoke": (lambda url: bedrock(url).invoke_model(modelId="m", body=b"{}")["body"].read(), MESSAGE),
    "mistral": (
        lambda url: mistral(url).chat.complete(**asked("mistral-small-latest")),
        {**CHAT, "model": "mistral-small-latest"},
    ),
    "cohere": (lambda url: cohere(url).chat(**asked("command-a")), COHERE),
    "groq": (lambda url: groq(url).chat.completions.create(**asked("m")), {**CHAT, "x_groq": {"id": "r"}}),
    "together": (lambda url: together(url).chat.completions.create(**asked("m")), CHAT),
    "hugging face": (lambda url: hugging_face(url).chat_completion(messages=QUESTION), CHAT),
    "ollama": (lambda url: ollama(url).chat(**asked("qwen3")), OLLAMA),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_answer(name: str, server: Server) -> None:
    """What an SDK returns is read as the body that it was made of."""
    call, body = CALLS[name]
    server.answer(body)
    found = read(call(server.url))
    if name == "boto3 converse":
        found.pop("response_id", None)
    assert found == read(body)


STREAMS: dict[str, tuple[Callable[[str], Any], list[Any]]] = {
    "openai chat": (lambda url: openai(url).chat.completions.create(**asked("gpt-4o", stream=True)), CHUNKS),
    "openai responses": (
        lambda url: openai(url).responses.create(model="m", input="Hello?", stream=True),
        [
            {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "usage": None}},
            {"type": "response.completed", "sequence_number": 1, "response": RESPONSE},
        ],
    ),
    "anthropic": (lambda url: anthropic(url).messages.create(**asked("claude", max_tokens=9, stream=True)), EVENTS),
    "google-genai": (
        lambda url: google(url).models.generate_content_stream(model="gemini", contents="Hello?"),
        [{**GEMINI, "candidates": [{"content": CANDIDATE["content"]}]}, GEMINI],
    ),
    "groq": (lambda url: groq(url).chat.completions.create(**asked("m", stream=True)), CHUNKS),
    "hugging face": (lambda url: hugging_face(url).chat_completion(messages=QUESTION, stream=True), CHUNKS),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream(name: str, server: Server) -> None:
    """The events of an SDK's stream are read as those that were sent."""
    call, items = STREAMS[name]
    server.stream(items)
    assert watched(call(server.url)) == watched(items)


@pytest.mark.parametrize(
    "model, base, body",
    [
        ("openai/gpt-4o", "/v1", CHAT),
        ("anthropic/claude-sonnet-4-5", "", MESSAGE),
        ("gemini/gemini-2.5-flash", "", GEMINI),
    ],
)
def test_litellm(model: str, base: str, body: dict[str, Any], server: Server) -> None:
    """It brings every provider's counts into OpenAI's form; these are the same tokens, and it tells a price."""
    server.answer(body)
    found, told = read(litellm(server.url)(model, base)), read(body)
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"):
        assert found.get(name) == told.get(name), name
    assert isinstance(found["reported_cost_usd"], Decimal)


TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
ASKS = {
    **CHAT,
    "id": "a1",
    "choices": [{**CHOICE, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [TOOL_CALL]}}],
}
"""An answer that wants a tool to be called first."""


def run_of_pydantic_ai(url: str) -> Any:
    import openai
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
    agent = Agent(OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client)))
    agent.tool_plain(look)
    return agent.run_sync("Hello?")


def run_of_openai_agents(url: str) -> Any:
    import openai
    from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool

    client = openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)
    model = OpenAIChatCompletionsModel(model="gpt-4o", openai_client=client)
    return Runner.run_sync(Agent(name="a", tools=[function_tool(look)], model=model), "Hello?")


def run_of_langchain(url: str) -> Any:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="gpt-4o", base_url=f"{url}/v1", api_key="k", max_retries=0)
    first = model.invoke([HumanMessage("Hello?")])
    second = model.invoke([HumanMessage("Hello?"), first, ToolMessage("seen", tool_call_id="call_1")])
    return {"messages": [HumanMessage("Hello?"), first, ToolMessage("seen", tool_call_id="call_1"), second]}


def look() -> str:
    """Look."""
    return "seen"


@pytest.mark.parametrize("run", [run_of_pydantic_ai, run_of_openai_agents, run_of_langchain])
def test_a_run_of_two_requests(run: Callable[[str], Any], server: Server) -> None:
    """A framework's run is a total with an entry for each request."""
    server.answer(ASKS, CHAT)
    found, one = read(run(server.url)), read(CHAT)
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"):
        assert found[name] == 2 * one[name]
        assert [entry[name] for entry in found["usage_entries"]] == [one[name], one[name]]
    assert (found["usage_aggregate"], found["requests"]) == (True, 2)
