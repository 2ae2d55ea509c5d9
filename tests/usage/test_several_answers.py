"""Several answers in one stream are several answers, with ids and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pepperpy_obs import usage
from tests.usage.streams import ANTHROPIC, STREAMS, Items, chat, merged


def without_id(items: Items) -> Items:
    """Return items whose provider gives no ids."""
    return [{key: value for key, value in item.items() if key not in ("id", "responseId")} for item in items]


def openai(read: int) -> Items:
    """Return an answer of a compatible server, which gives usage with the finish, and again at the end."""
    used = {"prompt_tokens": read, "completion_tokens": 4, "total_tokens": read + 4}
    return without_id([chat(None), chat("stop", usage=used), {**chat(None), "choices": [], "usage": used}])


def continuous(read: int) -> Items:
    """Return an answer with usage so far in each chunk."""
    used = [{"prompt_tokens": read, "completion_tokens": n, "total_tokens": read + n} for n in (1, 4)]
    return without_id([chat(None, usage=used[0]), chat("stop", usage=used[1])])


def unstreamed(read: int) -> Items:
    """Return an answer in one piece."""
    used = {"prompt_tokens": read, "completion_tokens": 4, "total_tokens": read + 4}
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
    return [{"object": "chat.completion", "model": "gpt-4o", "choices": [choice], "usage": used}]


def converse(read: int) -> Items:
    """Return an answer of Bedrock's Converse."""
    used = {"inputTokens": read, "outputTokens": 4, "totalTokens": read + 4}
    return [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "Hello."}}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": used, "metrics": {}}},
    ]


def gemini(read: int) -> Items:
    """Return an answer of Gemini, which gives a reason to finish in each piece, as older models do."""
    return [
        {
            "candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}],
            "modelVersion": "gemini-2.5-flash",
            "usageMetadata": {
                "promptTokenCount": read,
                "candidatesTokenCount": written,
                "totalTokenCount": read + written,
            },
        }
        for written in (1, 4)
    ]


def live(read: int) -> Items:
    """Return a turn of one of Gemini's live sessions."""
    used = {"promptTokenCount": read, "responseTokenCount": 4, "totalTokenCount": read + 4}
    return [
        {"serverContent": {"modelTurn": {"parts": []}}},
        {"serverContent": {"turnComplete": True}, "usageMetadata": used},
    ]


def ollama(read: int) -> Items:
    """Return an answer of Ollama."""
    return [
        {"model": "llama3", "message": {"content": "a"}, "done": False},
        {"model": "llama3", "message": {"content": ""}, "done": True, "prompt_eval_count": read, "eval_count": 4},
    ]


def anthropic(read: int) -> Items:
    """Return an answer of a server that is like Anthropic's, but gives no ids."""
    message = {
        "type": "message",
        "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": read, "cache_read_input_tokens": 0},
    }
    return [
        {"type": "message_start", "message": message},
        *ANTHROPIC[1:3],
        {**ANTHROPIC[3], "usage": {"output_tokens": 4}},
    ]


def titan(read: int) -> Items:
    """Return an answer of Titan, each of whose counts comes once."""
    return [
        {"chunk": {"outputText": "a", "inputTextTokenCount": read}},
        {"chunk": {"outputText": "b"}},
        {"chunk": {"outputText": "c", "totalOutputTextTokenCount": 4, "completionReason": "FINISH"}},
    ]


def watsonx(read: int) -> Items:
    """Return an answer of watsonx, whose counts grow."""
    return [
        {"model_id": "ibm/granite", "results": [{"input_token_count": read, "generated_token_count": 0}]},
        {"model_id": "ibm/granite", "results": [{"input_token_count": 0, "generated_token_count": 4}]},
    ]


def embeddings(read: int) -> Items:
    """Return a response without anything written."""
    return [{"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": read, "total_tokens": read}}]


MAKERS = [openai, continuous, unstreamed, converse, gemini, live, ollama, anthropic, titan, watsonx]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("reads", [(1000,), (1000, 2000), (2000, 1000, 30)])
def test_answers_without_ids(make: Callable[[int], Items], reads: tuple[int, ...]) -> None:
    """What begins after a final usage is another answer: each has its entry, and the whole is their sum."""
    found = merged([item for read in reads for item in make(read)])
    assert found is not None
    assert (found.input_tokens, found.output_tokens, found.incomplete) == (sum(reads), 4 * len(reads), False)
    assert [entry.input_tokens for entry in found.entries] == ([*reads] if len(reads) > 1 else [])


@pytest.mark.parametrize("make", [make for make in MAKERS if make is not gemini])
def test_equal_answers_without_ids(make: Callable[[int], Items]) -> None:
    """The same question asked again is another request, where the stream shows where it begins."""
    found = merged([*make(1000), *make(1000)])
    assert found is not None
    assert (found.input_tokens, found.requests) == (2000, 2)


def test_embeddings() -> None:
    """A generator of responses that write nothing counts each of them."""
    found = merged([*embeddings(8), *embeddings(9)])
    assert found is not None
    assert (found.input_tokens, found.requests) == (17, 2)


@pytest.mark.parametrize("make", [openai, converse, ollama, anthropic])
def test_the_second_is_cut_short(make: Callable[[int], Items]) -> None:
    """An answer that has begun and told no usage makes the whole incomplete."""
    found = merged([*make(1000), make(2000)[0]])
    assert found is not None
    assert found.incomplete
    assert (found.input_tokens or 0) >= 1000


def test_other_items_between_them() -> None:
    """What an application yields beside its chunks, after the last of them too, is no answer."""
    found = merged([{"status": "asks"}, *ollama(5), {"done": True}, {"type": "ping"}, {"id": 3, "name": "tool"}])
    assert found == usage.Usage(
        input_tokens=5, output_tokens=4, provider="ollama", model="llama3", response_model="llama3"
    )


def test_interleaved_answers() -> None:
    """Chunks of two answers at once go to the answer whose id they have."""
    first = STREAMS["openai chat: a last chunk without choices"][0]
    second = [{**item, "id": "c2", "model": "gpt-4o-mini"} for item in first]
    found = merged([item for pair in zip(first, second, strict=True) for item in pair])
    assert found is not None
    assert [(entry.response_id, entry.model, entry.input_tokens) for entry in found.entries] == [
        ("c1", "gpt-4o", 20),
        ("c2", "gpt-4o-mini", 20),
    ]


def test_what_is_known_may_be_asked_for_at_any_time() -> None:
    """To ask changes nothing: the stream goes on as if nobody had asked."""
    items, expected = STREAMS["anthropic: cumulative, field by field"]
    stream = usage.Stream()
    for item in [*items, *converse(7)]:
        stream.feed(item)
        stream.captured()
    captured = stream.captured()
    assert captured is not None
    found = usage.read(captured)
    assert found is not None
    assert found.entries[0] == expected
    assert found.input_tokens == 112


class TestRealtime:
    """A session in which another model writes down what was said."""

    @staticmethod
    def response(number: int, read: int) -> dict[str, Any]:
        """Return the event at the end of an answer."""
        used = {
            "total_tokens": read + 9,
            "input_tokens": read,
            "output_tokens": 9,
            "output_token_details": {"audio_tokens": 7},
        }
        return {"type": "response.done", "event_id": "e", "response": {"id": f"resp_{number}", "usage": used}}

    @staticmethod
    def heard(item: str, **used: Any) -> dict[str, Any]:
        """Return the event that tells what was said."""
        kind = "conversation.item.input_audio_transcription.completed"
        return {"type": kind, "event_id": "e", "item_id": item, "transcript": "Hello.", "usage": used}

    def test_each_is_its_models(self) -> None:
        """A transcription is an entry of its own model, whenever it comes; a response is the session's model's."""
        listener = {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}
        found = merged(
            [
                {"type": "session.created", "session": {"model": "gpt-realtime", "audio": listener}},
                self.response(1, 50),
                self.heard("i1", type="tokens", input_tokens=13, output_tokens=2, total_tokens=15),
                self.heard("i2", type="tokens", input_tokens=14, output_tokens=2, total_tokens=16),
                self.response(2, 70),
            ]
        )
        assert found is not None
        assert (found.model, found.input_tokens, found.output_tokens, found.incomplete) == (
            "gpt-realtime",
            147,
            22,
            False,
        )
        assert [(entry.model, entry.input_tokens) for entry in found.entries] == [
            ("gpt-4o-mini-transcribe", 13),
            ("gpt-4o-mini-transcribe", 14),
            ("gpt-realtime", 50),
            ("gpt-realtime", 70),
        ]
        assert [entry.audio_output_tokens for entry in found.entries] == [None, None, 7, 7]

    def test_a_model_that_nothing_names(self) -> None:
        """It is not taken for the model that the call asked for; by the second it has no tokens."""
        stream = usage.Stream()
        stream.feed(self.response(1, 50))
        stream.feed(self.heard("i1", type="duration", seconds=3.4))
        captured = stream.captured()
        assert captured is not None
        found = usage.read(captured, provider="openai", model="gpt-realtime")
        assert found is not None
        assert [entry.model for entry in found.entries] == ["input_audio_transcription", "gpt-realtime"]
        assert str(found.entries[0].units["audio_seconds"]) == "3.4"
