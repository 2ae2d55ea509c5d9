"""What the tokens of a snapshot would have cost of another model."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.series_data import EXACT, ZERO, LlmStats
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.errors import SetupError
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.reports.comparison import SAME_TOKENS, Comparison, Difference
from pepperpy_obs.reports.totals import Totals

__all__ = ["check_priced", "what_if"]

_BY_AVERAGE: Final = f"{SAME_TOKENS};\n where prices rise with the length of a request, that of the average one counts"


def check_priced(pricer: Pricer, model: str) -> None:
    """Raise SetupError if a model has no price per token."""
    if pricer.price({"model": model, "input_tokens": 1, "output_tokens": 1}, _clock.time_ns()) is None:
        msg = (
            f"{model!r} has no price per token; give a model's name, such as gpt-5-mini or"
            " anthropic/claude-haiku-4-5, or a price file that has it"
        )
        raise SetupError(msg)


def what_if(snapshot: Snapshot, model: str, pricer: Pricer, at: int) -> Comparison:
    """Compare with `model` at the prices of the time `at` (epoch ns); SetupError if it has none."""
    check_priced(pricer, model)
    rows = {}
    for name, data in Totals(snapshot).models.items():
        requests = data.requests
        cost = pricer.price({**_tokens(requests), "model": model}, at)
        if cost is not None:
            had = requests.cost if requests.priced else None
            change = None if had is None else EXACT.subtract(cost.total, had)
            new = (0, ZERO) if had is not None else (requests.count, cost.total)
            rows[name] = Difference(requests.count, had, cost.total, change, *new, 0, ZERO)
    return Comparison.of(f"What if all had been {model}?", _BY_AVERAGE, rows)


def _tokens(requests: LlmStats) -> dict[str, Any]:
    tokens = {f"{name}_tokens": number for name, number in requests.tokens.items() if name != "unsplit"}
    return {**tokens, "requests": requests.count}
