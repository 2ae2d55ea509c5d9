"""The processors as others may use them: in a structlog chain of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog
from structlog.testing import CapturingLogger

from pepperpy_obs.processors import Console, Redactor, Sampler, Truncator, render_ecs, render_json

SECRET = "sk-" + "abcdefgh12345678"


def logged(*processors: structlog.typing.Processor, **fields: Any) -> list[Any]:
    """Return what a logger with these processors puts out for one event."""
    sink = CapturingLogger()
    logger = structlog.wrap_logger(
        sink,
        processors=[structlog.processors.add_log_level, *processors],
        wrapper_class=structlog.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    logger.info("user came", **fields)
    return [call.args[0] for call in sink.calls]


class TestAnyChain:
    def test_json(self) -> None:
        """An application's own events become strict JSON without objects and secrets."""
        (line,) = logged(Truncator(), Redactor(), render_json, who=object(), share=float("nan"), token="t", note=SECRET)

        assert json.loads(line) == {
            "who": "<object>",
            "token": "[redacted]",
            "note": "[redacted]",
            "event": "user came",
            "level": "info",
        }

    def test_words_of_ours_are_anybodys(self) -> None:
        """A field that bears a name of ours by chance is bounded and searched as any other is."""
        (line,) = logged(Truncator(), Redactor(), render_json, value=object(), trace_id=SECRET, items={1, 2})

        assert json.loads(line) == {
            "value": "<object>",
            "trace_id": "[redacted]",
            "items": [1, 2],
            "event": "user came",
            "level": "info",
        }

    def test_ecs(self) -> None:
        """They become ECS documents."""
        (line,) = logged(structlog.processors.TimeStamper(fmt=None), Truncator(), render_ecs, n=1)
        document = json.loads(line)

        assert document.pop("@timestamp").endswith("+00:00")
        assert document == {"log.level": "info", "message": "user came", "ecs.version": "8.17.0", "labels": {"n": "1"}}

    def test_console(self) -> None:
        """They become lines for people."""
        assert logged(Console(colors=False), n=1) == [
            "              info                  user came                 n=1"
        ]

    @pytest.mark.parametrize("trace_id, count", [("0" * 32, 1), ("f" * 32, 0)])
    def test_sample(self, trace_id: str, count: int) -> None:
        """They are sampled by their trace."""
        assert len(logged(Sampler(0.5), render_json, trace_id=trace_id)) == count
