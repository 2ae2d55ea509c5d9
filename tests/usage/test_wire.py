from __future__ import annotations

import json
import struct
from zlib import crc32

import pytest

from pepperpy_obs import usage
from pepperpy_obs.usage.wire import Reader
from tests.usage.streams import STREAMS, merged


def frame(kind: str, payload: object) -> bytes:
    """Return a message of an AWS event stream, as its specification writes it."""
    texts = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in texts.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    prelude += struct.pack(">I", crc32(prelude))
    message = prelude + headers + body
    return message + struct.pack(">I", crc32(message))


CONVERSE, MEANT = STREAMS["bedrock converse: in the metadata"]
BODY = b"".join(frame(kind, payload) for event in CONVERSE for kind, payload in event.items())


class TestAwsEventStream:
    @pytest.mark.parametrize("size", [1, 7, 64, 100_000])
    def test_in_pieces(self, size: int) -> None:
        """The binary messages of AWS are read, wherever they are cut."""
        assert merged([BODY[at : at + size] for at in range(0, len(BODY), size)]) == MEANT

    def test_as_a_whole(self) -> None:
        """So is the whole body."""
        captured = usage.capture(BODY)
        assert captured is not None
        assert usage.read(captured) == MEANT

    @pytest.mark.parametrize(
        "body",
        [b"\x00" * 100, struct.pack(">II", 2**31, 4) + b"x" * 50, struct.pack(">II", 20, 4000) + b"x" * 50, BODY[:50]],
    )
    def test_what_is_none(self, body: bytes) -> None:
        """Bytes that only begin like it give nothing and are not hoarded."""
        reader = Reader()
        assert list(reader.feed(body)) == []
        assert len(reader._binary) <= len(body)

    def test_a_message_that_is_no_json(self) -> None:
        """A message with another content is passed over."""
        audio = frame("audio", "x")[:-6] + b"\xff\xff\x00\x00\x00\x00"
        assert merged([audio + BODY]) == MEANT


def test_a_byte_order_mark() -> None:
    """Bodies that begin with one are read like others."""
    captured = usage.capture(
        b"\xef\xbb\xbf" + json.dumps({"usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
    )
    assert captured is not None
    assert usage.read(captured) == usage.Usage(input_tokens=1, output_tokens=1)
