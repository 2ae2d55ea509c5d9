"""Raw bodies, cut anywhere, back into their JSON objects: SSE, lines or arrays of JSON, AWS event streams.

Only what may speak of usage is parsed in an SSE stream; other lines are passed over.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import re
import struct
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["Reader", "is_stream_body", "looks_raw", "speaks_of_usage"]

_LONGEST: Final = 32 * 1024 * 1024
"""Characters of an unfinished object after which a body is given up."""
_SSE: Final = ("data:", "event:", "id:", "retry:", ":")
_SSE_BYTES: Final = tuple(field.encode() for field in _SSE)
_LONGEST_FIELD: Final = 64
_DECODER: Final = json.JSONDecoder()
_WORDS: Final = ("usage", "Usage", "oken", "eval_count", "_units", '"gateway"', '"seconds"')
_TELLING: Final = (*_WORDS, '"model', '"id"')
_START: Final = re.compile(r"\ufeff?\s*(?:[{\[]|data:|event:|id:|retry:|:)")
_START_BYTES: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:[{\[\x00]|data:|event:|id:|retry:|:)")


def looks_raw(text: str | bytes | bytearray) -> bool:
    """Tell whether a text begins as a body does, not as prose."""
    return (_START.match(text) if isinstance(text, str) else _START_BYTES.match(text)) is not None


def speaks_of_usage(text: str | bytes | bytearray) -> bool:
    """Tell, at the cost of a search, whether a text may be an answer with usage."""
    if not looks_raw(text):
        return False
    if isinstance(text, str):
        return any(word in text for word in _WORDS)
    return any(word.encode() in text for word in (*_WORDS, "bytes"))


def is_stream_body(text: str | bytes | bytearray) -> bool:
    """Tell whether a text begins as a part of an event stream does, of SSE or of AWS, not as one piece of JSON."""
    if not isinstance(text, str):
        return text[:1] == b"\x00" or bytes(text[:_LONGEST_FIELD]).lstrip().startswith(_SSE_BYTES)
    return text[:_LONGEST_FIELD].lstrip("\ufeff \r\n\t").startswith(_SSE)


class Reader:
    """Takes pieces of one body and gives its JSON objects as they become complete."""

    __slots__ = ("_binary", "_decode", "_kind", "_text")

    def __init__(self) -> None:
        self._kind = ""
        self._text = ""
        self._binary = b""
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, piece: str | bytes | bytearray) -> Iterator[Any]:
        """Yield the objects that `piece` completes."""
        if not self._kind and not isinstance(piece, str) and piece[:1] == b"\x00":
            self._kind = "frames"
        if self._kind == "frames":
            if not isinstance(piece, str):
                yield from self._frames(bytes(piece))
            return
        text = piece if isinstance(piece, str) else self._decode.decode(bytes(piece))
        if not self._kind:
            self._kind = _kind(self._text + text)
        if self._kind == "lines":
            yield from self._lines(text)
        elif self._kind == "json":
            yield from self._objects(text)
        else:
            self._text = (self._text + text)[-_LONGEST:]

    def close(self) -> Iterator[Any]:
        """Yield what a last line without an end still holds."""
        rest, self._text = self._text, ""
        if self._kind == "lines" and rest:
            yield from _line(rest)

    def whole(self, text: str | bytes) -> Iterator[Any]:
        """Yield the objects of a complete text, which may be base64."""
        if isinstance(text, str) and not text.lstrip().startswith(("{", "[")):
            try:
                text = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                return
        yield from self.feed(text)

    def _lines(self, text: str) -> Iterator[Any]:
        """Cut SSE into lines. Some clients hand on lines without their ends: these are seen by what follows."""
        if text.startswith("data:") and "{" not in self._text:
            self._text = ""
        lines = (self._text + text).split("\n")
        self._text = lines.pop()
        for line in lines:
            yield from _line(line)
        if self._text.rstrip().endswith("}") and (found := list(_line(self._text, all_of_them=True))):
            self._text = ""
            yield from found
        if len(self._text) > _LONGEST:
            self._text = ""

    def _objects(self, text: str) -> Iterator[Any]:
        """Take complete objects off the front; commas, brackets and ends of lines between them are passed over."""
        self._text += text
        if "}" not in text or len(self._text) > _LONGEST:
            self._text = self._text if len(self._text) <= _LONGEST else ""
            return
        start = 0
        while True:
            while start < len(self._text) and self._text[start] in " \r\n\t,[]\ufeff":
                start += 1
            try:
                found, start = _DECODER.raw_decode(self._text, start)
            except (ValueError, RecursionError):
                break
            yield found
        self._text = self._text[start:]

    def _frames(self, piece: bytes) -> Iterator[Any]:
        """Take complete messages of an AWS event stream: lengths, headers, payload, checksum."""
        self._binary += piece
        while len(self._binary) >= 12:
            total, headers = struct.unpack(">II", self._binary[:8])
            if total < 16 + headers or total > _LONGEST:
                self._binary = b""
                return
            if len(self._binary) < total:
                return
            frame, self._binary = self._binary[:total], self._binary[total:]
            kind = _event_type(frame[12 : 12 + headers])
            try:
                payload = json.loads(frame[12 + headers : -4] or b"null")
            except (ValueError, RecursionError):
                continue
            yield {kind: payload} if kind else payload


def _kind(text: str) -> str:
    text = text.lstrip("\ufeff \r\n\t")
    if not text:
        return ""
    if text[0] in "{[":
        return "json"
    if text.startswith(_SSE):
        return "lines"
    return "" if any(word.startswith(text) for word in _SSE) else "prose"


def _line(line: str, *, all_of_them: bool = False) -> Iterator[Any]:
    """Yield the object of one line of SSE, if it is complete and may tell something."""
    payload = line.strip().removeprefix("data:").lstrip()
    if payload[:1] not in ("{", "["):
        return
    if all_of_them or any(word in payload for word in _TELLING):
        try:
            yield json.loads(payload)
        except (ValueError, RecursionError):
            return


def _event_type(headers: bytes) -> str:
    """Return the `:event-type` of a message; all headers that Bedrock sends are texts (type 7)."""
    position = 0
    while position < len(headers):
        name_end = position + 1 + headers[position]
        name = headers[position + 1 : name_end]
        if headers[name_end] != 7:
            return ""
        length = int.from_bytes(headers[name_end + 1 : name_end + 3], "big")
        value = headers[name_end + 3 : name_end + 3 + length]
        if name == b":event-type":
            return value.decode(errors="replace")
        position = name_end + 3 + length
    return ""
