"""Usual calls take a short way: it must lead where the links lead."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs import Config, _clock
from pepperpy_obs._event import Writer
from pepperpy_obs._record import Notes, Record, Spec
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.chain import Chain, Exit
from pepperpy_obs.chain.template import cut
from pepperpy_obs.processors.ecs import ecs_lines
from pepperpy_obs.processors.lines import json_lines
from pepperpy_obs.runtime.exits import build_chain
from pepperpy_obs.typing import EventDict

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
UPTIME = 5_000 * SECOND
SPECS = [
    Spec("plan"),
    Spec("Grüße 100 %s", attributes={"tier": "gold", "db_password": "hunter2", "half": 0.5, "bad": float("nan")}),
    Spec("team", kind="agent"),
    Spec("tool", kind="tool", agent="scout", level="debug"),
    Spec("ask", kind="llm", provider="openai", model="gpt-4o"),
]


@dataclass
class Kept:
    """A way out that keeps its lines."""

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


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no time pass."""
    monkeypatch.setattr(_clock, "time_ns", lambda: NOW)
    monkeypatch.setattr(_clock, "perf_counter_ns", lambda: UPTIME)
    return iter([None])


@dataclass(frozen=True)
class One:
    """A call that is to have been."""

    spec: int
    took: int
    ago: int
    trace: int
    has_parent: bool = True
    agent: str | None = None
    error: type[BaseException] | None = None
    note: bool = False

    def record(self, number: int) -> Record:
        """Return the record that it left, with its lineage settled."""
        notes = None
        if self.note:
            notes = Notes()
            notes.fields = {"customer": "acme", "attempt": number}
        lineage = (f"{self.trace:032x}", f"{number:016x}", "c" * 16 if self.has_parent else None, self.agent, None)
        end = UPTIME - self.ago
        return [SPECS[self.spec], lineage, end - self.took, end, notes, self.error]


calls = st.builds(
    One,
    spec=st.integers(0, len(SPECS) - 1),
    took=st.one_of(st.integers(0, 3 * SECOND), st.sampled_from([-5, 0, 1, SECOND - 1, SECOND, 86_400 * SECOND])),
    ago=st.one_of(st.integers(0, 25 * SECOND), st.sampled_from([-SECOND, 40 * 86_400 * SECOND])),
    trace=st.integers(1, 2**128 - 1),
    has_parent=st.booleans(),
    agent=st.sampled_from([None, "scout", "bär"]),
    error=st.sampled_from([None, None, None, ValueError]),
    note=st.sampled_from([False, False, False, True]),
)


def sent(batches: Sequence[Sequence[One]], config: Config, exits: Sequence[Exit], *, short: bool) -> Snapshot:
    """Send calls through the chain, with the short way or without; return what was counted."""
    store = Store(config.max_series)
    chain = build_chain(config, store, exits=exits)
    assert chain._usual is not None
    if not short:
        chain._usual = None
    number = 0
    for batch in batches:
        records = []
        for one in batch:
            number += 1
            records.append(one.record(number))
        chain.take(sorted(records, key=lambda record: record[3]))
    chain.flush()
    return store.snapshot(now=NOW)


def both_ways(batches: Sequence[Sequence[One]], render: Any, **options: Any) -> tuple[Any, Any]:
    """Return what was counted and what left, by the short way and through the links."""
    config = Config(config_file=None, **options)
    found = []
    for short in (True, False):
        kept = Kept()
        snapshot = sent(batches, config, [Exit("kept", render, kept)] if render else [], short=short)
        found.append((snapshot.to_dict(), kept.events()))
    return found[0], found[1]


@settings(deadline=None)
@given(
    batches=st.lists(st.lists(calls, max_size=12), max_size=6),
    render=st.sampled_from([json_lines, ecs_lines, None]),
    options=st.fixed_dictionaries(
        {
            "log_sample_rate": st.sampled_from([1.0, 1.0, 0.5]),
            "log_level": st.sampled_from(["debug", "info", "error"]),
            "service": st.sampled_from(["", "shop"]),
            "max_series": st.sampled_from([2000, 2]),
        }
    ),
)
def test_law_the_short_way_leads_where_the_links_lead(
    batches: list[list[One]], render: Any, options: dict[str, Any]
) -> None:
    """Whatever the calls and settings, the same is counted, and the same lines leave in the same order."""
    short, links = both_ways(batches, render, **options)
    assert short == links


def test_most_calls_take_it() -> None:
    """From the third call of an operation on no event is made of a usual call, whatever its agent and its caller."""
    store = Store()
    kept = Kept()
    chain = build_chain(Config(config_file=None), store, exits=[Exit("kept", json_lines, kept)])
    made: list[Record] = []

    class Telling(Writer):
        def event(self, record: Record) -> Any:
            made.append(record)
            return super().event(record)

    chain._writer = Telling()
    batch = [One(2 * (number % 2), 100, 0, 1, has_parent=number % 3 > 0, agent="scout") for number in range(40)]
    chain.take([one.record(number) for number, one in enumerate(batch)])

    assert len(made) <= 2 * 2 + 4  # two of each operation, and two specimens
    assert sum(cell.calls for cell in store.snapshot().series.values()) == 40


def test_no_short_way_past_what_must_see_each_event() -> None:
    """Processors of the user's, people's console and an application's own structlog get an event of each call."""

    def mine(logger: Any, method: str, event: EventDict) -> EventDict:
        return event

    def text(events: Any) -> list[bytes]:
        return [str(event).encode() for event in events]

    config = Config(config_file=None)
    assert build_chain(config, Store(), [mine])._usual is None
    assert build_chain(config, Store(), exits=[Exit("console", text, Kept())])._usual is None
    both = [Exit("json", json_lines, Kept()), Exit("ecs", ecs_lines, Kept())]
    assert build_chain(config, Store(), exits=both)._usual is None


def test_names_that_are_made_up_fill_no_memory() -> None:
    """Of operations that never come again little is kept."""
    chain: Chain = build_chain(Config(config_file=None), Store())
    usual = chain._usual
    assert usual is not None
    for number in range(5000):
        chain.take([[Spec(f"call {number}"), ("a" * 32, f"{number:016x}", None, None, None), 1, 2, None, None]] * 2)

    assert len(usual._moulds) <= 4096
    assert len(usual._seen) <= 4096


@pytest.mark.parametrize("line", ["", '{"trace_id":"none of ours"}'])
def test_a_line_without_the_places_is_no_template(line: str) -> None:
    """A renderer that leaves out or repeats an id gets events."""
    assert cut(line, has_parent=True) is None


def test_a_mould_keeps_no_slot_alive() -> None:
    """An operation that is seldom called holds on to no tallies of others."""
    store = Store()
    chain = build_chain(Config(config_file=None), store)
    for _ in range(3):
        chain.take([One(0, 100, 0, 1).record(1), One(2, 100, 0, 1).record(2)])
    index = store.at_hand[2]
    assert len(index) == 2
    store.fold({"event": "operation.finished", "operation": "later", "outcome": "ok"}, NOW + 60 * SECOND)

    assert index == {}


def test_attributes_that_may_change_are_read_each_time() -> None:
    """What a list among the attributes holds is written as it is then, not as it was when a template was cut."""
    tags = ["a"]
    spec = Spec("tagged", attributes={"tags": tags})
    kept = Kept()
    chain = build_chain(Config(config_file=None), Store(), exits=[Exit("kept", json_lines, kept)])
    for number in range(6):
        chain.take([[spec, ("a" * 32, f"{number:016x}", None, None, None), 1, 2, None, None]])
        tags.append("b")
    chain.flush()

    assert [len(event["tags"]) for event in kept.events()] == [1, 2, 3, 4, 5, 6]
