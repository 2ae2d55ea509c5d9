"""Claims of costs, requests and tokens, for the tests of others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import SetupError, costed, measure
from pepperpy_obs.testing import assert_cost_below, assert_requests_at_most, assert_tokens_at_most, captured


def _ask(model: str = "gpt-4o-mini", **more: Any) -> None:
    answer = {"model": model, "usage": {"prompt_tokens": 1000, "completion_tokens": 0}} | more
    costed(provider="openai")(lambda: answer)()


def test_what_is_known_and_below_passes() -> None:
    """Of a block and of a call; nothing at all is below any limit."""
    with captured() as seen, measure("run") as run:
        _ask()
        _ask()
    with captured() as nothing:
        pass

    for what in (seen, run):
        assert_cost_below(what, "0.00031")
        assert_requests_at_most(what, 2)
        assert_tokens_at_most(what, 2000)
    assert_cost_below(nothing, 1)


def test_what_is_not_below_is_said_with_its_figures() -> None:
    """The very limit is not below it; both figures are named."""
    with captured() as seen, measure("run") as run:
        _ask()

    for what in (seen, run):
        with pytest.raises(AssertionError, match=r"1 requests cost 0\.00015\d* USD, which is not below 0\.00015"):
            assert_cost_below(what, Decimal("0.00015"))
        with pytest.raises(AssertionError, match="1 requests were made, which is more than 0"):
            assert_requests_at_most(what, 0)
        with pytest.raises(AssertionError, match="used 1000 tokens, which is more than 999"):
            assert_tokens_at_most(what, 999)


def test_what_is_unknown_does_not_pass() -> None:
    """A request without a price and one without usage have a cost that nobody knows."""
    with captured() as unpriced:
        _ask("a model of my own")
    with captured() as silent:
        _ask(usage=None)

    with pytest.raises(AssertionError, match="1 of 1 requests have no price, 0 told no usage"):
        assert_cost_below(unpriced, 100)
    with pytest.raises(AssertionError, match="0 of 1 requests have no price, 1 told no usage"):
        assert_cost_below(silent, 100)
    with pytest.raises(AssertionError, match="1 of 1 requests told no usage"):
        assert_tokens_at_most(silent, 100)
    assert_requests_at_most(silent, 1)


@pytest.mark.parametrize("limit", [0.5, "cheap", None])
def test_a_limit_that_is_no_money_is_refused(limit: Any) -> None:
    """A float is no exact amount."""
    with captured() as seen, pytest.raises(SetupError, match="give US dollars as a Decimal"):
        assert_cost_below(seen, limit)
