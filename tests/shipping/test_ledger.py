from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.shipping.ledger import Account


@given(st.lists(st.tuples(st.sampled_from(["acknowledged", "rejected", "dropped"]), st.integers(1, 5))))
def test_the_books_are_balanced_after_every_step(steps: list[tuple[str, int]]) -> None:
    """Whatever becomes of pending records, each is counted once, and by its reason."""
    account = Account("loki")
    account.accepted(sum(count for _, count in steps) + 1)
    for what, count in steps:
        if what == "acknowledged":
            account.acknowledged(count, 5)
        elif what == "dropped":
            account.dropped("spool_full", count)
        else:
            for _ in range(count):
                account.rejected("too_old")
        assert account.ledger().balanced
    assert account.pending == account.ledger().pending == 1


def test_a_ledger_is_plain_data() -> None:
    """It can be written as JSON, with every name that health and metrics read."""
    account = Account("loki")
    account.accepted(4)
    account.requested()
    account.retried("503")
    account.held("401: no org id")
    account.acknowledged(1, 7)
    account.rejected("too_old")
    account.dropped("spool_full", 1)
    account.oldest(3)
    assert json.loads(json.dumps(account.ledger(100).to_dict())) == {
        "sink": "loki",
        "accepted": 4,
        "acknowledged": 1,
        "rejected": {"too_old": 1},
        "dropped": {"spool_full": 1},
        "pending": 1,
        "retries": {"503": 1},
        "requests": 1,
        "held": "",
        "last_success_at": 7,
        "oldest_pending_at": 3,
        "spool_bytes": 100,
        "letters_dropped": 0,
    }
