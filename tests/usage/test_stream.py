from __future__ import annotations

import base64
import gc
import json
import weakref
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs import usage
from tests.usage.streams import ANTHROPIC, CHAT_USAGE, STREAMS, Items, chat, gemini, merged


def sse(items: Items) -> str:
    """Return the body of an event stream that carries these items."""
    named = (f"event: {item.get('type', 'x')}\ndata: {json.dumps(item)}\n\n" for item in items)
    return ": ping\n\n" + "".join(named) + "data: [DONE]\n\n"


PLAIN = [
    name
    for name, (items, _) in STREAMS.items()
    if all(isinstance(item, dict) and "chunk" not in item for item in items)
]


class TestMerging:
    @pytest.mark.parametrize("name", STREAMS)
    def test_by_the_providers_rule(self, name: str) -> None:
        """A stream read to its end gives the provider's final usage."""
        items, expected = STREAMS[name]
        assert merged(items) == expected

    @pytest.mark.parametrize("name", STREAMS)
    def test_a_list_of_its_items_is_the_same(self, name: str) -> None:
        """Items that the caller collected give what they gave passing by."""
        items, expected = STREAMS[name]
        captured = usage.capture(items)
        assert captured is not None
        assert usage.read(captured) == expected

    def test_a_price_that_comes_with_the_finish(self) -> None:
        """Vercel's gateway tells it before the usage, and until that has come the answer is incomplete."""
        priced = {"provider_metadata": {"gateway": {"cost": "0.0123", "marketCost": "0.0123"}}}
        items = [chat(None), {**chat("stop"), "choices": [{"delta": priced, "finish_reason": "stop"}]}]
        begun = merged(items)
        assert begun is not None
        assert (begun.reported_cost_usd, begun.input_tokens, begun.incomplete) == (Decimal("0.0123"), None, True)
        whole = merged([*items, {**chat(None), "choices": [], "usage": CHAT_USAGE}])
        assert whole is not None
        assert (whole.reported_cost_usd, whole.input_tokens, whole.incomplete) == (Decimal("0.0123"), 20, False)

    def test_another_answer_is_an_entry_of_its_own(self) -> None:
        """A stream that carries several answers is their sum, with an entry for each."""
        second = [{**item, "id": "c2"} for item in STREAMS["openai chat: a last chunk without choices"][0]]
        found = merged([*STREAMS["openai chat: a last chunk without choices"][0], *second])
        assert found is not None
        one = STREAMS["openai chat: a last chunk without choices"][1]
        assert (found.input_tokens, found.output_tokens, found.requests, found.response_id) == (40, 8, 2, None)
        assert [entry.response_id for entry in found.entries] == ["c1", "c2"]
        assert found.entries[0] == one
        assert not found.incomplete


class TestCutShort:
    def test_a_stream_that_names_nothing(self) -> None:
        """A stream of Bedrock's Converse that is left early is known for one by its first event."""
        items: Items = [{"messageStart": {"role": "assistant"}}, {"contentBlockDelta": {"delta": {"text": "Hello."}}}]
        assert merged(items) == usage.Usage(provider="aws", incomplete=True)

    def test_nothing_came(self) -> None:
        """Of a stream without usage the names are known, and that its usage is not."""
        assert merged([chat(None), chat("stop")]) == usage.Usage(
            provider="openai", model="gpt-4o", response_model="gpt-4o", response_id="c1", incomplete=True
        )

    def test_a_lower_bound(self) -> None:
        """What Anthropic says at the start stands as a lower bound."""
        found = merged(ANTHROPIC[:2])
        assert found is not None
        assert (found.input_tokens, found.output_tokens, found.incomplete) == (105, 1, True)

    def test_gemini_in_the_middle(self) -> None:
        """A count before the finish is not the last."""
        found = merged([gemini(2), gemini(9)])
        assert found is not None
        assert (found.output_tokens, found.incomplete) == (9, True)

    @pytest.mark.parametrize("name", PLAIN)
    def test_anywhere(self, name: str) -> None:
        """However short it is cut: it says nothing, or the final usage, or that it is incomplete."""
        items, expected = STREAMS[name]
        for end in range(len(items)):
            found = merged(items[:end])
            assert found is None or found.incomplete or found.input_tokens == expected.input_tokens or "agent" in name

    def test_items_of_anything_else(self) -> None:
        """A stream of pieces of text, or of the user's objects, says nothing at all."""
        assert merged(["Hello", ", usage of tokens", "{", "data", ": x"]) is None
        assert merged([object(), 3, None]) is None


class TestRawBodies:
    @pytest.mark.parametrize("name", PLAIN)
    @given(data=st.data())
    def test_cut_anywhere(self, name: str, data: st.DataObject) -> None:
        """The pieces of a body give the same usage, wherever the network cuts it."""
        items, expected = STREAMS[name]
        text = sse(items) if data.draw(st.booleans()) else "\n".join(json.dumps(item) for item in items)
        body = text.encode() if data.draw(st.booleans()) else text
        lazy_steps = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
        pieces = [body[start:end] for start, end in zip([0, *lazy_steps], [*lazy_steps, len(body)], strict=True)]
        assert merged(pieces) == expected

    @pytest.mark.parametrize("name", PLAIN)
    def test_lines_without_their_ends(self, name: str) -> None:
        """So do the lines that HTTP clients hand out, with and without their line feeds."""
        items, expected = STREAMS[name]
        assert merged(sse(items).splitlines()) == expected
        assert merged(sse(items).splitlines(keepends=True)) == expected
        assert merged([line.encode() for line in sse(items).splitlines()]) == expected
        assert merged([json.dumps(item) for item in items]) == expected

    def test_an_array_that_grows(self) -> None:
        """Gemini without `alt=sse` streams one JSON array, spread over lines as it likes."""
        items, expected = STREAMS["gemini: the last of many"]
        body = json.dumps(items, indent=2)
        assert merged(list(body)) == expected
        captured = usage.capture(body)
        assert captured is not None
        assert usage.read(captured) == expected

    def test_chunks_in_base64(self) -> None:
        """An AWS chunk as JSON carries its bytes in base64."""
        items = [{"chunk": {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}} for event in ANTHROPIC]
        assert merged(items) == STREAMS["anthropic: cumulative, field by field"][1]

    def test_not_utf_8(self) -> None:
        """Broken bytes are read past."""
        body = sse(STREAMS["gemini: the last of many"][0]).encode()
        assert merged([b"data: \xff\xfe{\n\n" + body]) == STREAMS["gemini: the last of many"][1]


class TestWhatIsKept:
    def test_no_item(self) -> None:
        """No item lives longer for having been watched."""

        class Chunk:
            def __init__(self) -> None:
                self.id, self.model, self.choices = "c1", "gpt-4o", [object()]
                self.usage = CHAT_USAGE

        stream = usage.Stream()
        item = Chunk()
        gone = weakref.ref(item)
        stream.feed(item)
        del item
        gc.collect()
        assert gone() is None

    def test_no_text(self) -> None:
        """Of a raw body, no more than an unfinished line is held back."""
        stream = usage.Stream()
        for _ in range(1000):
            stream.feed(sse([chat(None)]))
        reader = stream._reader
        assert reader is not None
        assert reader._text == ""

    def test_an_endless_line(self) -> None:
        """A line that never ends is given up, not hoarded."""
        stream = usage.Stream()
        for _ in range(70):
            stream.feed("data: {" + "x" * 1024 * 1024)
        reader = stream._reader
        assert reader is not None
        assert len(reader._text) <= 34 * 1024 * 1024


def test_a_function_that_picks_the_usage_out_of_items() -> None:
    """With `usage=` the caller says where it is; what it gives may be a dict, a provider's object or a Usage."""
    stream = usage.Stream(lambda item: item.get("u"))
    for item in ({"x": 1}, {"u": {"input_tokens": 1, "output_tokens": 2}}, {"x": 2}):
        stream.feed(item)
    captured = stream.captured()
    assert captured is not None
    assert usage.read(captured) == usage.Usage(input_tokens=1, output_tokens=2)
    stream = usage.Stream(lambda item: usage.Usage(input_tokens=item))
    stream.feed(4)
    captured = stream.captured()
    assert captured is not None
    assert usage.read(captured) == usage.Usage(input_tokens=4)
