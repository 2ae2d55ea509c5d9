"""Most calls take the fast path: it must lead where the links lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from pepperpy_obs import Config, _clock
from pepperpy_obs._event import Writer
from pepperpy_obs._record import Record, Spec
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.chain import Chain, build_chain
from pepperpy_obs.chain.fast_path import FastPath, Part
from pepperpy_obs.chain.link import Link, per_operation
from pepperpy_obs.chain.template import split
from pepperpy_obs.decorators.blocks import spec_for
from pepperpy_obs.formats.ecs import ecs_lines
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.outputs.line_output import LineOutput
from pepperpy_obs.typing import EventDict
from tests.chain.calls import (
    NOW,
    SECOND,
    UNIFORM,
    UPTIME,
    Batches,
    Broken,
    Kept,
    One,
    Sent,
    batches_of_calls,
    compare,
    formats_of_chain,
    settings_of_chain,
    watch,
)


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no time pass."""
    monkeypatch.setattr(_clock, "time_ns", lambda: NOW)
    monkeypatch.setattr(_clock, "perf_counter_ns", lambda: UPTIME)
    return iter([None])


@pytest.mark.slow
@settings(deadline=None)
@given(batches=batches_of_calls, formats=formats_of_chain, options=settings_of_chain)
def test_law_the_fast_path_leads_where_the_links_lead(
    batches: Batches, formats: Sequence[Any], options: dict[str, Any]
) -> None:
    """Whatever the calls and settings, the same is counted, and the same lines leave in the same order.

    At least half of the calls take the fast path, or the law would say little.
    """
    compare(batches, formats, options)


def without(stage: str) -> Broken:
    """Let the fast path forget a link."""

    def broken(fast_path: FastPath) -> None:
        fast_path._counted = tuple(link for link in fast_path._counted if link.stage != stage)
        fast_path._leaving = tuple(link for link in fast_path._leaving if link.stage != stage)

    return broken


def claiming(*stages: str) -> Broken:
    """Let links claim that they do the same to all events of an operation."""

    def claim(links: Sequence[Link]) -> tuple[Link, ...]:
        return tuple(link._replace(scope=per_operation) if link.stage in stages else link for link in links)

    def broken(fast_path: FastPath) -> None:
        fast_path._counted, fast_path._leaving = claim(fast_path._counted), claim(fast_path._leaving)

    return broken


def without_excluded_spans(fast_path: FastPath) -> None:
    """Let the fast path take calls whose events a link waits for."""
    fast_path._excluded = ()


def without_budgets(fast_path: FastPath) -> None:
    """Let the fast path take calls that were made under a budget."""
    partition = fast_path.partition

    def blind(writer: Writer, records: Sequence[Record], start: int) -> Part:
        return partition(writer, [[one[0], (*one[1][:4], None), *one[2:]] for one in records], start)

    fast_path.partition = blind  # type: ignore[method-assign]


def losing_calls(fast_path: FastPath) -> None:
    """Let the fast path count one call less."""
    apply = fast_path.apply

    def wrong() -> None:
        groups, skew = fast_path.pending
        fast_path.pending = ({key: records[:-1] or records for key, records in groups.items()}, skew)
        apply()

    fast_path.apply = wrong  # type: ignore[method-assign]


# Requests are what three links have to see each event of: each of them alone keeps these from the fast path.
MUTANTS: dict[str, Broken] = {
    "context": without("context"),
    "count_once": without_excluded_spans,
    "requests": claiming("count_once", "price", "retries"),
    "budget": without_budgets,
    "aggregate": losing_calls,
    "level": without("level"),
    "sample": claiming("sample"),
    "redact": without("redact"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_the_law_fails_where_the_rule_of_a_link_is_broken(name: str) -> None:
    """Each link that the fast path stands for is missed by the law when its rule is broken on purpose."""

    @settings(deadline=None, database=None, derandomize=True, max_examples=300, phases=[Phase.generate])
    @given(batches=batches_of_calls, formats=formats_of_chain, options=settings_of_chain)
    def law(batches: Batches, formats: Sequence[Any], options: dict[str, Any]) -> None:
        compare(batches, formats, options, MUTANTS[name])

    with pytest.raises(AssertionError):
        law()


def test_each_link_has_a_mutant() -> None:
    """A link that is added to the chain has to be broken above, too."""
    config = Config(config_file=None, service="shop", log_sample_rate=0.5)
    chain = build_chain(config, Store(), outputs=[LineOutput("kept", json_lines, Kept())])
    stages = {link.stage for link in (*chain._counted, *chain._leaving)}

    assert stages - set(MUTANTS) == {"price", "retries"}  # broken together, as "requests"
    assert set(MUTANTS) - stages == {"requests"}


def test_warnings_are_kept_whatever_the_sample() -> None:
    """A level that is always logged is logged by the fast path, too."""
    kept = Kept()
    config = Config(config_file=None, log_sample_rate=0.0)
    chain = build_chain(config, Store(), outputs=[LineOutput("kept", json_lines, kept)])
    chain.take([One(UNIFORM.index(spec), trace=number).record(number) for number in range(100) for spec in UNIFORM])
    chain.flush()

    assert [event["operation"] for event in kept.events()] == ["alarm"] * 100


def test_most_calls_take_it() -> None:
    """From the third call of an operation on no event is made of it, whatever its agent and its caller."""
    store = Store()
    kept = Kept()
    chain = build_chain(Config(config_file=None), store, outputs=[LineOutput("kept", json_lines, kept)])
    made: list[Record] = []

    class Telling(Writer):
        def event(self, record: Record) -> Any:
            made.append(record)
            return super().event(record)

    chain._writer = Telling()
    batch = [One(number % 2, parent=1 if number % 3 else None, agent="scout") for number in range(40)]
    chain.take([one.record(number) for number, one in enumerate(batch)])

    assert len(made) <= 2 * 2 + 4  # two of each operation, and two samples
    assert sum(data.calls for data in store.snapshot().series.values()) == 40


def test_blocks_without_usage_take_it() -> None:
    """`with measure()` could be given an answer; where it was not, it is counted as any other call."""
    kept = Kept()
    chain = build_chain(Config(config_file=None), Store(), outputs=[LineOutput("kept", json_lines, kept)])
    found = Sent({}, [], 0, 0)
    assert chain._fast_path is not None
    watch(chain._fast_path, found)
    spec = spec_for("block", {})
    chain.take([[spec, ("a" * 32, f"{number:016x}", None, None, None), 1, 2, None, None] for number in range(10)])

    assert found.fast == 8


def test_no_fast_path_past_what_must_see_each_event() -> None:
    """Processors of the user's, people's console and an application's own structlog get an event of each call."""

    def mine(logger: Any, method: str, event: EventDict) -> EventDict:
        return event

    def text(events: Any) -> list[bytes]:
        return [str(event).encode() for event in events]

    config = Config(config_file=None)
    assert build_chain(config, Store(), [mine])._fast_path is None
    assert build_chain(config, Store(), outputs=[LineOutput("console", text, Kept())])._fast_path is None


def test_a_second_format_takes_nothing_from_speed() -> None:
    """With an ECS file and a shipper of JSON, calls take the fast path, and an event loop may fold them."""
    ecs, first, second = Kept(), Kept(), Kept()
    outputs = [
        LineOutput("file", ecs_lines, ecs),
        LineOutput("ship", json_lines, first),
        LineOutput("copy", json_lines, second),
    ]
    chain = build_chain(Config(config_file=None), Store(), outputs=outputs)
    chain.take([One(0).record(number) for number in range(40)])
    chain.flush()

    assert chain._fast_path is not None
    assert chain.is_non_blocking()
    assert len(ecs.events()) == len(first.events()) == 40
    assert first.lines == second.lines


def test_lines_are_made_once_for_each_format() -> None:
    """However many outputs share a format, it is rendered once, and another one of its own."""
    rendered: list[int] = []

    def text(events: Sequence[Any]) -> list[bytes]:
        rendered.append(len(events))
        return [b"line\n"] * len(events)

    outputs = [LineOutput("a", text, Kept()), LineOutput("b", text, Kept()), LineOutput("c", json_lines, Kept())]
    chain = Chain([], [], outputs)
    chain.run([{"event": "one"}, {"event": "two"}])

    assert rendered == [2]
    assert [chain.counters[name].lines for name in "abc"] == [2, 2, 2]


def test_names_that_are_made_up_fill_no_memory() -> None:
    """Of operations that never come again little is kept."""
    chain: Chain = build_chain(Config(config_file=None), Store())
    fast_path = chain._fast_path
    assert fast_path is not None
    for number in range(5000):
        chain.take([[Spec(f"call {number}"), ("a" * 32, f"{number:016x}", None, None, None), 1, 2, None, None]] * 2)

    assert len(fast_path._templates) <= 4096
    assert len(fast_path._seen) <= 4096


@pytest.mark.parametrize("line", ["", '{"trace_id":"none of ours"}'])
def test_a_line_without_the_places_is_no_template(line: str) -> None:
    """A renderer that leaves out or repeats an id gets events."""
    assert split(line, has_parent=True) is None


def test_a_template_keeps_no_interval_alive() -> None:
    """An operation that is seldom called holds on to no tallies of others."""
    store = Store()
    chain = build_chain(Config(config_file=None), store)
    for _ in range(3):
        chain.take([One(0).record(1), One(2).record(2)])
    index = store.current[2]
    assert len(index) == 2
    store.fold({"event": "operation.finished", "operation": "later", "outcome": "ok"}, NOW + 60 * SECOND)

    assert index == {}


def test_attributes_that_may_change_are_read_each_time() -> None:
    """What a list among the attributes holds is written as it is then, not as it was when a template was cut."""
    tags = ["a"]
    spec = Spec("tagged", attributes={"tags": tags})
    kept = Kept()
    chain = build_chain(Config(config_file=None), Store(), outputs=[LineOutput("kept", json_lines, kept)])
    for number in range(6):
        chain.take([[spec, ("a" * 32, f"{number:016x}", None, None, None), 1, 2, None, None]])
        tags.append("b")
    chain.flush()

    assert [len(event["tags"]) for event in kept.events()] == [1, 2, 3, 4, 5, 6]
