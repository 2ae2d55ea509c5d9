"""Writes docs/events.md from the one table of the vocabulary; `--check` only says whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from pepperpy_obs import events

PAGE = Path(__file__).with_name("events.md")

HEAD = """\
# Events

One event is one flat JSON object. An absent key means unknown: an unpriced call has no
`cost_usd`, and it is never 0. This page is made from `pepperpy_obs/events.py` by
`python docs/make_events.py`.

| `event` | what has happened |
|---|---|
| `operation.finished` | one decorated or measured call has ended |
| `usage.recorded` | tokens were reported with no call to carry them, or with one that carries some already |
| `cache.looked_up` | a cache was asked outside of a call, or once more within one |
| `metric.recorded` | a value of a metric of your own |

Any key that is not below is a field of your own, from `attributes` (the option or the block) or
`current_call().add(...)`. A field of yours that is called like one below, or begins with an underscore, is renamed:
`add(outcome="won", _id=7)` gives `user_outcome` and `user_id`. Where you have a field of that name as well, the
renamed one is `user_user_outcome`: none is lost.
`provider`, `model`, `response_model` and `service_tier` are yours to set.

| key | type | meaning | OpenTelemetry | ECS | Prometheus |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the page as it should be."""
    rows = [
        f"| `{field.name}` | {field.type} | {field.text} | {_code(field.otel)} | {_code(field.ecs)} "
        f"| {_code(field.prometheus)} |\n"
        for field in events.FIELDS
    ]
    return HEAD + "".join(rows)


def _code(name: str) -> str:
    return f"`{name}`" if name else ""


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text() != page())
    PAGE.write_text(page())
