"""Whatever a user calls a model or a provider: what was counted live is what the log folds to."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from pepperpy_obs import cache_lookup, current_call, record_usage, tracked_usage
from pepperpy_obs._dispatch import runtime
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.formats.ecs import ecs_lines
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.testing import ManualClock, captured


class Model(Enum):
    GPT = "gpt-4o"


class Text(str):
    """A text of the user's own kind."""

    __slots__ = ()


ODD: list[Any] = [
    *(42, 4.5, True, None, [], ["a"], {"a": 1}, b"x", object(), Decimal(1), float("nan"), 10**30),
    *(Model.GPT, Text("gpt-4o"), "", "x" * 9000, "\ud800", "naïve"),
]
ANSWER = {"model": "gpt-4o-mini", "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}


@pytest.mark.parametrize("render", [json_lines, ecs_lines])
@pytest.mark.parametrize("name", ODD, ids=lambda name: ascii(name)[:20])
@pytest.mark.parametrize("field", ["model", "provider", "response_model", "service_tier"])
def test_live_and_replayed_agree(field: str, name: Any, render: Any) -> None:
    """Every line is read back, and to the same statistics; what is no text names nothing."""

    @tracked_usage(operation="ask", model="m", provider="p")
    def ask() -> dict[str, Any]:
        current_call().add(**{field: name})
        cache_lookup(name, hit=True, answer=False)
        return ANSWER

    with ManualClock(), captured() as seen:
        ask()
        if field in {"model", "provider"}:
            record_usage(ANSWER, **{field: name})
        fold = Fold(Store())
        fold.lines(b"".join(render(seen.events)).splitlines(), "app.log")

        assert (fold.passed_over, fold.named) == (0, [])
        assert fold.store.snapshot().to_dict() == runtime().reading().snapshot.to_dict()


def test_what_is_no_text_is_moved_aside() -> None:
    """The decorator's own model stays, and the value is kept under another name."""
    with captured() as seen:
        tracked_usage(model="m")(lambda: current_call().add(model=42, provider=Model.GPT))()

        assert (seen.event["model"], seen.event["user_model"], seen.event["provider"]) == ("m", 42, "gpt-4o")
