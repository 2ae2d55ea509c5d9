"""Calls that are to have been, sent through a chain by the fast path or without one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from pepperpy_obs import Config
from pepperpy_obs._account import NOTHING, Account
from pepperpy_obs._event import Writer
from pepperpy_obs._record import Notes, Record, Spec
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.chain import build_chain
from pepperpy_obs.chain.fast_path import FastPath, Part
from pepperpy_obs.formats.ecs import ecs_lines
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.outputs.line_output import LineOutput
from pepperpy_obs.usage import capture

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
UPTIME = 5_000 * SECOND
UNIFORM = [
    Spec("plan"),
    Spec("Grüße 100 %s", attributes={"tier": "gold", "db_password": "hunter2", "half": 0.5, "bad": float("nan")}),
    Spec("team", kind="agent"),
    Spec("tool", kind="tool", agent="scout", level="debug"),
    Spec("alarm", level="warning"),
    Spec("block", tracked=True, priced=True),
]
"""Operations whose calls take the fast path."""
BOUNDED = Spec("bounded", budget=Decimal("0.01"))
OTHERS = [
    Spec("ask", kind="llm", provider="openai", model="gpt-4o", tracked=True, priced=True),
    Spec("think", kind="llm"),
    BOUNDED,
]
SPECS = [*UNIFORM, *OTHERS]
ANSWER = {"model": "gpt-4o", "usage": {"prompt_tokens": 1200, "completion_tokens": 300}}


@dataclass
class Kept:
    """A sink that keeps its lines."""

    lines: list[bytes] = field(default_factory=list)

    def write(self, lines: list[bytes]) -> None:
        """Keep them."""
        self.lines += lines

    def close(self) -> None:
        """Keep them still."""

    def events(self) -> list[dict[str, Any]]:
        """Return what the lines say; half of an event's id is another in each run."""
        events = [json.loads(line) for line in b"".join(self.lines).splitlines()]
        for event in events:
            within = event.get("event") if isinstance(event.get("event"), dict) else event
            within_id = within.pop("event_id", None) or within.pop("id", None)
            span = event.get("span_id") or event.get("span", {}).get("id")
            assert len(within_id) == 32
            assert within_id.endswith(span)
        return events


@dataclass(frozen=True)
class One:
    """A call that is to have been."""

    spec: int
    took: int = 100
    ago: int = 0
    trace: int = 1
    parent: int | None = None
    """How many calls later the caller's record stands."""
    agent: str | None = None
    error: type[BaseException] | None = None
    note: str = ""
    over: bool = False

    def record(self, number: int) -> Record:
        """Return the record that it left, with its lineage settled."""
        notes = None
        if self.note:
            notes = Notes()
            notes.fields = {"customer": "acme", "attempt": number} if "fields" in self.note else {}
            if "answer" in self.note:
                same = "same" in self.note
                notes.captured = capture(ANSWER if same else ANSWER | {"id": f"chatcmpl-{number}"})
                notes.answer = (self.trace if same else number, None)
        budget = (
            Account(f"{number if SPECS[self.spec] is BOUNDED else 0:016x}", None, limit=Decimal("0.0001"))
            if self.over
            else None
        )
        if budget is not None:
            budget.charge(NOTHING._replace(cost=Decimal(1)))
        parent = None if self.parent is None else f"{number + self.parent:016x}"
        span_context = (f"{self.trace:032x}", f"{number:016x}", parent, self.agent, budget)
        end = UPTIME - self.ago
        return [SPECS[self.spec], span_context, end - self.took, end, notes, self.error]


TIMES: dict[str, Any] = {
    "took": st.one_of(st.integers(0, 3 * SECOND), st.sampled_from([0, 1, SECOND - 1, SECOND, 86_400 * SECOND])),
    "ago": st.integers(0, 4 * SECOND),
    "trace": st.integers(1, 2**128 - 1),
    "parent": st.sampled_from([None, *range(-8, 9)]),
    "agent": st.sampled_from([None, "scout"]),
}
plain = st.builds(One, spec=st.integers(0, len(UNIFORM) - 1), **TIMES)
other = st.builds(
    One,
    spec=st.integers(0, len(SPECS) - 1),
    error=st.sampled_from([None, None, ValueError, GeneratorExit]),
    note=st.sampled_from(["", "", "fields", "answer", "fields and answer"]),
    over=st.sampled_from([False, False, True]),
    **(TIMES | {"took": st.integers(-5, 5), "ago": st.sampled_from([0, -SECOND, 12 * SECOND, 40 * 86_400 * SECOND])}),
)
TAUGHT = [One(spec, agent=agent, ago=SECOND) for spec in range(len(SPECS)) for agent in (None, "scout")] * 2
"""From the third call of an operation and agent on there is a template."""
handed_over = st.builds(
    lambda trace: [
        One(len(UNIFORM), ago=3, trace=trace, parent=1, note="same answer"),
        One(0, ago=2, trace=trace, parent=1),
        One(len(UNIFORM), ago=1, trace=trace, note="same answer"),
    ],
    TIMES["trace"],
)
"""An answer that a plain call hands over to its caller, which returns it too."""
repeated = st.builds(
    lambda trace: [
        One(len(UNIFORM), ago=2, trace=trace, parent=2, error=ValueError),
        One(len(UNIFORM), ago=1, trace=trace, parent=1),
    ],
    TIMES["trace"],
)
"""A request that failed, and the next one of the same caller."""
over_budget = st.builds(lambda trace: [One(SPECS.index(BOUNDED), trace=trace, over=True)], TIMES["trace"])
others = st.one_of(st.lists(other, max_size=4), handed_over, repeated, over_budget)
batches_of_calls = st.lists(st.tuples(st.lists(plain, min_size=8, max_size=16), others), min_size=3, max_size=6)
settings_of_chain = st.fixed_dictionaries(
    {
        "log_sample_rate": st.sampled_from([1.0, 0.5]),
        "log_level": st.sampled_from(["debug", "info", "error"]),
        "service": st.sampled_from(["", "shop"]),
        "max_series": st.sampled_from([2000, 2000, 3]),
    }
)
formats_of_chain = st.sampled_from([(), (json_lines,), (ecs_lines,), (ecs_lines, json_lines)])

Batches = list[tuple[list[One], list[One]]]
Broken = Callable[[FastPath], None]


@dataclass
class Sent:
    """What became of calls that were sent through a chain."""

    snapshot: dict[str, Any]
    events: list[list[dict[str, Any]]]
    """What left, by format."""
    fast: int
    """How many calls took the fast path."""
    total: int


def sent(
    batches: Batches, formats: Sequence[Any], options: dict[str, Any], *, fast_path: bool, broken: Broken | None = None
) -> Sent:
    """Send calls through a new chain, by the fast path or without one."""
    config = Config(config_file=None, **options)
    store = Store(config.max_series)
    kept = [Kept() for _ in formats]
    outputs = [
        LineOutput(f"kept {number}", render, one)
        for number, (render, one) in enumerate(zip(formats, kept, strict=True))
    ]
    chain = build_chain(config, store, outputs=outputs, fast_path=fast_path)
    found = Sent({}, [], 0, 0)
    if chain._fast_path is not None:
        if broken is not None:
            broken(chain._fast_path)
        watch(chain._fast_path, found)
    number = 0
    for plains, others in [(TAUGHT, []), *batches]:
        if number == len(TAUGHT):
            found.fast = found.total = 0  # the calls that teach the fast path are not on it
        records = []
        for one in (*plains, *others):
            number += 1
            records.append(one.record(number))
        found.total += len(records)
        chain.take(sorted(records, key=lambda record: record[3]))
    chain.flush()
    assert chain.dropped == {}
    found.snapshot = store.snapshot(now=NOW).to_dict()
    found.events = [one.events() for one in kept]
    return found


def watch(fast_path: FastPath, found: Sent) -> None:
    """Count the calls that take the fast path."""
    partition = fast_path.partition

    def counting(writer: Writer, records: Sequence[Record], start: int) -> Part:
        part = partition(writer, records, start)
        found.fast += part.place - start
        return part

    fast_path.partition = counting  # type: ignore[method-assign]


def compare(batches: Batches, formats: Sequence[Any], options: dict[str, Any], broken: Broken | None = None) -> None:
    """Fail unless the fast path leads where the links lead."""
    fast = sent(batches, formats, options, fast_path=True, broken=broken)
    links = sent(batches, formats, options, fast_path=False)
    assert fast.snapshot == links.snapshot
    assert fast.events == links.events
    if options["max_series"] > 3 and broken is None:  # an overflowing series has no tally of its own
        assert 2 * fast.fast >= fast.total, f"only {fast.fast} of {fast.total} calls took the fast path"
