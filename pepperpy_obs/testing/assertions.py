"""What a test claims of a block's or a call's spending; what is not known does not pass for nothing."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from pepperpy_obs._call import Call
from pepperpy_obs.errors import SetupError
from pepperpy_obs.testing.blocks import Captured

__all__ = ["assert_cost_below", "assert_requests_at_most", "assert_tokens_at_most"]


class _Known(NamedTuple):
    requests: int
    tokens: int
    cost: Decimal
    unpriced: int
    without_usage: int


def assert_cost_below(what: Captured | Call, limit: Decimal | str | int) -> None:
    """Raise AssertionError unless all that was spent is known, and costs less than `limit` US dollars.

    `what` is a `captured()` block, or a call that has ended. A request without a price or without usage fails the
    test as well: its cost is unknown, not zero.

    >>> from pepperpy_obs import costed
    >>> from pepperpy_obs.testing import captured
    >>> answer = {"model": "gpt-4o", "usage": {"prompt_tokens": 1000, "completion_tokens": 0}}
    >>> with captured() as seen:
    ...     answer = costed(provider="openai")(lambda: answer)()
    >>> assert_cost_below(seen, "0.01")
    """
    most, known = _money(limit), _known(what)
    lacking = f"{known.unpriced} of {known.requests} requests have no price, {known.without_usage} told no usage"
    if known.unpriced or known.without_usage:
        msg = f"the cost is not known: {lacking}; the others cost {known.cost} USD"
        raise AssertionError(msg)
    if known.cost >= most:
        msg = f"{known.requests} requests cost {known.cost} USD, which is not below {most}"
        raise AssertionError(msg)


def assert_requests_at_most(what: Captured | Call, most: int) -> None:
    """Raise AssertionError if more than `most` requests were made to language models, whatever became of them."""
    requests = _known(what).requests
    if requests > most:
        msg = f"{requests} requests were made, which is more than {most}"
        raise AssertionError(msg)


def assert_tokens_at_most(what: Captured | Call, most: int) -> None:
    """Raise AssertionError unless all requests told their usage, and that is no more than `most` tokens."""
    known = _known(what)
    if known.without_usage:
        msg = f"the tokens are not known: {known.without_usage} of {known.requests} requests told no usage"
        raise AssertionError(msg)
    if known.tokens > most:
        msg = f"{known.requests} requests used {known.tokens} tokens, which is more than {most}"
        raise AssertionError(msg)


def _known(what: Captured | Call) -> _Known:
    if isinstance(what, Call):
        spent = what.spending()
        return _Known(spent.requests, spent.tokens, spent.cost, spent.unpriced, spent.without_usage)
    usage, cost = what.stats.usage, what.stats.cost
    return _Known(usage.total_calls, usage.total_tokens, cost.total_cost, cost.unpriced_calls, cost.calls_without_usage)


def _money(limit: object) -> Decimal:
    try:
        if isinstance(limit, Decimal | str | int):
            return Decimal(limit)
    except InvalidOperation:
        pass
    msg = f"limit={limit!r}; give US dollars as a Decimal, an int or a text such as '0.25'"
    raise SetupError(msg)
