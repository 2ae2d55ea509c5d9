"""The answers of three interfaces as they come over the wire: whole ones, and streams event by event.

OpenAI's chat completions and responses, and Anthropic's messages. Every key that says something about
usage stands where the provider puts it: Anthropic's `input_tokens` leaves cached tokens out, OpenAI's
includes them. Texts and ids are made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["SHAPES", "Answer", "Tokens"]

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an answer used: `input` and `output` are whole, the others are parts of them."""

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider has to say, whatever the interface."""

    id: str
    model: str
    text: str
    tokens: Tokens
    created: int

    @property
    def pieces(self) -> list[str]:
        """The text as it is streamed: word by word, and all pieces together are the text."""
        words = self.text.split(" ")
        return [words[0], *(f" {word}" for word in words[1:])]


def _chat_usage(tokens: Tokens) -> Wire:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning, "audio_tokens": 0},
    }


def chat(answer: Answer) -> Wire:
    """Return a `chat.completion`."""
    said = {"role": "assistant", "content": answer.text, "refusal": None}
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": "stop"}],
        "usage": _chat_usage(answer.tokens),
        "service_tier": "default",
    }


def chat_stream(answer: Answer) -> Iterator[Wire]:
    """Yield the chunks of a chat whose `stream_options` include usage: the last one has it, and no choice."""
    head = {
        "id": f"chatcmpl-{answer.id}",
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
    }
    deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in answer.pieces)]
    for delta in deltas:
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": None}
    yield {**head, "choices": [], "usage": _chat_usage(answer.tokens)}


def response(answer: Answer) -> Wire:
    """Return a completed `response`."""
    tokens = answer.tokens
    text = {"type": "output_text", "text": answer.text, "annotations": []}
    said = {"type": "message", "id": f"msg_{answer.id}", "status": "completed", "role": "assistant", "content": [text]}
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": answer.created,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": answer.model,
        "output": [said],
        "usage": {
            "input_tokens": tokens.input,
            "input_tokens_details": {"cached_tokens": tokens.cache_read},
            "output_tokens": tokens.output,
            "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
            "total_tokens": tokens.input + tokens.output,
        },
        "service_tier": "default",
    }


def response_stream(answer: Answer) -> Iterator[Wire]:
    """Yield the events of a streamed response: only the last one has the usage."""
    whole = response(answer)
    started = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "sequence_number": 0, "response": started}
    place = {"item_id": f"msg_{answer.id}", "output_index": 0, "content_index": 0}
    number = 0
    for number, piece in enumerate(answer.pieces, 1):
        yield {"type": "response.output_text.delta", "sequence_number": number, **place, "delta": piece}
    yield {"type": "response.completed", "sequence_number": number + 1, "response": whole}


def _message_usage(tokens: Tokens) -> Wire:
    return {
        "input_tokens": tokens.input - tokens.cache_read - tokens.cache_write,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.cache_write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": tokens.output,
        "service_tier": "standard",
    }


def message(answer: Answer) -> Wire:
    """Return a `message`."""
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [{"type": "text", "text": answer.text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _message_usage(answer.tokens),
    }


def message_stream(answer: Answer) -> Iterator[Wire]:
    """Yield the events of a streamed message: the input is known at the start, the output at the end."""
    whole = message(answer)
    started = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": started}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for piece in answer.pieces:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": answer.tokens.output}}
    yield {"type": "message_stop"}


SHAPES: Final = {
    "chat": (chat, chat_stream),
    "responses": (response, response_stream),
    "messages": (message, message_stream),
}
"""Each interface by name: what makes a whole answer, and what makes a stream of it."""
