from __future__ import annotations

from typing import Any

import pytest

from pepperpy_obs.cli.fleet.wire import SHAPES, Answer, Tokens

ANSWER = Answer(
    "7f", "some-model", "to the left", Tokens(100, 20, cache_read=30, cache_write=10, reasoning=5), created=1
)


def said(event: dict[str, Any]) -> str:
    """Return the piece of text that an event of a stream carries."""
    if event.get("choices"):
        return str(event["choices"][0]["delta"].get("content", ""))
    delta = event.get("delta", "")
    return str(delta if isinstance(delta, str) else delta.get("text", ""))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_stream_says_what_the_whole_answer_says(shape: str) -> None:
    """The pieces of a stream make the answer's text, in each interface."""
    _, stream = SHAPES[shape]
    assert "".join(map(said, stream(ANSWER))) == "to the left"


def test_usage_stands_where_each_interface_puts_it() -> None:
    """OpenAI's input includes what was cached, Anthropic's leaves it out."""
    chat, response, message = (SHAPES[shape][0](ANSWER)["usage"] for shape in ("chat", "responses", "messages"))
    assert (chat["prompt_tokens"], chat["prompt_tokens_details"]["cached_tokens"], chat["total_tokens"]) == (
        100,
        30,
        120,
    )
    assert (response["input_tokens"], response["output_tokens_details"]) == (100, {"reasoning_tokens": 5})
    assert (message["input_tokens"], message["cache_read_input_tokens"], message["output_tokens"]) == (60, 30, 20)


def test_usage_comes_last_in_a_stream() -> None:
    """Chat has it in a chunk without choices, responses in the whole response, messages split over start and end."""
    chat, responses, messages = (list(SHAPES[shape][1](ANSWER)) for shape in ("chat", "responses", "messages"))
    assert [bool(chunk["usage"]) for chunk in chat] == [False] * (len(chat) - 1) + [True]
    assert (chat[-1]["choices"], responses[-1]["response"]) == ([], SHAPES["responses"][0](ANSWER))
    assert messages[0]["message"]["usage"]["output_tokens"] == 1
    assert messages[-2]["usage"] == {"output_tokens": 20}
