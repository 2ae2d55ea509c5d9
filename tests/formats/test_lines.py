from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from pepperpy_obs.formats.lines import encode, json_lines, render_json

LOOP: list[object] = []
LOOP.append(LOOP)


class TestLines:
    def test_of_a_batch(self) -> None:
        """A batch is one piece of lines, one for each event, fields in their order."""
        events: list[dict[str, Any]] = [{"event": "a", "cost_usd": Decimal("0.10"), "n": 1.0}, {"event": "ä\n\u2028"}]

        assert json_lines(events) == ['{"event":"a","cost_usd":"0.10","n":1.0}\n{"event":"ä\\n\\u2028"}\n'.encode()]

    def test_one_that_cannot_be_said(self) -> None:
        """An event with what JSON cannot say loses that, and the others of its batch lose nothing."""
        lines = b"".join(
            json_lines([{"event": "a", "x": {"y": object()}}, {"event": "\ud800"}, {"event": "b", "n": 2}])
        )

        assert [json.loads(line) for line in lines.splitlines()] == [
            {"event": "a", "x": {"y": "<object>"}},
            {"event": "\ufffd"},
            {"event": "b", "n": 2},
        ]

    def test_loops(self) -> None:
        """A list within itself does not go on for ever."""
        assert render_json(None, "info", {"event": "e", "loop": LOOP}).startswith('{"event":"e","loop":[[[')
        assert encode(float("nan")) == encode(None) == b"null"
        assert encode(LOOP).startswith(b"[[")

    def test_what_moves_a_terminal_is_escaped(self) -> None:
        """DEL, C1 controls, marks of direction and Unicode's own line ends are escapes, and mean the same."""
        unsafe = "".join(
            map(chr, (*range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)))
        )
        (line,) = json_lines([{"event": f"ä€{unsafe}🔑"}])

        assert not set(unsafe) & set(line.decode())
        assert "ä€" in line.decode()
        assert json.loads(line) == {"event": f"ä€{unsafe}🔑"}
        assert json.loads(encode({"key": unsafe})) == {"key": unsafe}
