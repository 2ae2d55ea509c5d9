from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.events import FIELDS, Field
from pepperpy_obs.formats.ecs import ecs_lines, to_ecs
from pepperpy_obs.formats.fast_decode import FastRequest
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.formats.read import read_event
from pepperpy_obs.processors.aggregator import epoch_ns
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import TOO_LONG, LogFile

CALL: dict[str, Any] = {
    "timestamp": "2023-11-16T18:17:03.979960Z",
    "level": "info",
    "event": "operation.finished",
    "operation": "ask",
    "kind": "llm",
    "outcome": "ok",
    "duration_seconds": 0.123456789,
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": 1000,
    "output_tokens": 10,
    "cost_usd": Decimal("0.00260000000000000001"),
    "cost_source": "genai-prices",
    "cost_by_type": {"input": Decimal("0.0025"), "output": Decimal("0.00010000000000000001")},
    "trace_id": "ab" * 16,
    "span_id": "cd" * 8,
}
LOOKUP = {"timestamp": "2023-11-16T18:17:05.000001Z", "event": "cache.looked_up", "cache": "pages", "cache_hit": True}
METRIC = {
    "timestamp": "2023-11-16T18:17:09.000000Z",
    "event": "metric.recorded",
    "metric": "tickets",
    "metric_kind": "counter",
    "value": 0.1,
    "labels": {"team": "a"},
}
EVENTS = [CALL, {**CALL, "outcome": "error", "error_type": "TimeoutError", "level": "error"}, LOOKUP, METRIC]


@pytest.mark.parametrize("render", [json_lines, ecs_lines])
def test_lines_fold_to_what_their_events_folded_to(render: Any) -> None:
    """JSON lines and ECS give the snapshot that the events themselves gave: every count, digit and bin."""
    store, fold = Store(), Fold(Store())
    for event in EVENTS:
        store.fold(event, epoch_ns(event["timestamp"]))
    fold.lines(b"".join(render(EVENTS)).splitlines(), "app.log")
    assert (fold.events, fold.passed_over, fold.named) == (4, 0, [])
    assert fold.store.snapshot().to_dict() == store.snapshot().to_dict()


def test_what_is_no_event_is_named_and_the_rest_still_folds() -> None:
    """Each line that is not counted is counted as such, and named by file, line and reason; empty lines are none."""
    fold = Fold(Store())
    line = json_lines([CALL])[0].strip()
    bad = [b"Traceback (most recent call last):", b"[1, 2]", b'{"event": "user.came"}', b'{"level": "info"}', line[:-9]]
    odd = [line.replace(b"2023-11-16T18:17:03.979960Z", b"MMXXIII"), line.replace(b":1000,", b":-1.5,"), TOO_LONG]
    odd.append(b"\xff\xfe")
    assert fold.lines([line, b"", *bad, line, b"  ", *odd, line], "app.log", 100) == 114
    assert (fold.events, fold.passed_over) == (3, 9)
    assert fold.named == [
        "app.log:103: not JSON: JSON is malformed: invalid character (byte 0)",
        "app.log:104: not an event: [1, 2]; an event is a JSON object",
        "app.log:105: not an event of ours: event is 'user.came'",
        "app.log:106: not an event of ours: event is None",
        "app.log:107: not JSON: Input data was truncated",
        "app.log:110: not an event: timestamp is 'MMXXIII'; it is a time such as 2023-11-16T18:17:03.979960Z",
        "app.log:111: not an event: input_tokens is -1.5; it is a JSON integer",
        "app.log:112: longer than 4194304 bytes",
        "app.log:113: not JSON: JSON is malformed: invalid character (byte 0)",
    ]
    assert fold.store.snapshot().series[SeriesKey("ask", "", "llm", "openai", "gpt-4o")].calls == 3


def test_only_the_first_are_named() -> None:
    """A file of something else does not fill the memory with complaints."""
    fold = Fold(Store())
    fold.lines([b"hello"] * 1000, "novel.txt")
    assert (fold.passed_over, len(fold.named)) == (1000, 10)


def test_a_file_is_folded_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are numbered through the whole file, wherever its pieces end, and progress reaches the file's size."""
    monkeypatch.setattr("pepperpy_obs.replay.lines._PIECE", 100)
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(json_lines(EVENTS * 5)) + b"cut o")
    fold = Fold(Store())
    log = LogFile(str(path))
    positions = list(fold.file(log))
    log.close()
    assert (fold.events, fold.named) == (20, [f"{path}:21: not JSON: JSON is malformed: invalid character (byte 0)"])
    assert (positions == sorted(positions), positions[-1]) == (True, path.stat().st_size)


def test_a_file_that_breaks_off_says_so(tmp_path: Path) -> None:
    """What stands before the break is folded, and the file is named."""
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(b"".join(json_lines(EVENTS * 2_000)))[:-1000])
    fold = Fold(Store())
    log = LogFile(str(path))
    assert sum(1 for _ in fold.file(log)) > 1
    log.close()
    assert fold.events > 4_000
    assert fold.named[-1].startswith(f"{path}: cannot be read further: ")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    """Ten times as long a log, compressed and spread over a day, takes about the same memory at most."""

    def peak(calls: int) -> int:
        path = tmp_path / f"{calls}.log.gz"
        text = b"".join(json_lines([CALL])).replace(b"2023-11-16T18:17", b"2023-11-16T%02d:%02d")
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.writelines(text % divmod(number * 1440 // calls, 60) for number in range(calls))
        log = LogFile(str(path))
        fold = Fold(Store())
        tracemalloc.start()
        for _ in fold.file(log):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        log.close()
        assert fold.events == calls
        return most

    peak(1_000)
    short, long = peak(5_000), peak(50_000)  # the first is longer than what is read at once
    assert long < short + 500_000


usual = st.fixed_dictionaries(
    {
        "timestamp": st.sampled_from(
            [
                "2023-11-16T18:17:03.979960Z",
                "2023-11-16T18:17:09.999999Z",
                "2023-11-16T18:17:10Z",
                "2023-11-16T19:17:04.5+01:00",
                "2023-11-16T18:16:59.999999999Z",
                "2023-11-16T18:17:04",
                "yesterday",
            ]
        ),
        "event": st.sampled_from(["operation.finished"] * 9 + ["cache.looked_up", "user.came"]),
        "operation": st.sampled_from(["ask", "plan", "Grüße", None, 7]),
        "outcome": st.sampled_from(["ok"] * 6 + ["error", "fine", None]),
        "duration_seconds": st.one_of(
            st.floats(0, 1e3), st.integers(0, 5), st.sampled_from([-1.0, 1e11, 0.000001131, None, "1"])
        ),
    },
    optional={
        "kind": st.sampled_from(["task", "tool", "llm", "odd", None]),
        "agent": st.sampled_from(["scout", None]),
        "trace_id": st.sampled_from(["ab" * 16, "cd" * 16, ""]),
        "span_id": st.sampled_from(["ab" * 8, "cd" * 8]),
        "model": st.just("gpt-4o"),
        "input_tokens": st.sampled_from([0, 12, None, "12"]),
        "cache": st.just("pages"),
        "cache_hit": st.booleans(),
        "time_to_first_item_seconds": st.floats(0, 9),
        "saved_usd": st.just("0.1"),
        "customer": st.just("acme"),
    },
)


@settings(deadline=None)
@given(st.lists(st.lists(st.one_of(usual, st.just(None)), max_size=12), max_size=4), st.sampled_from([1, 2000]))
def test_law_lines_fold_in_bulk_to_what_they_fold_to_one_by_one(batches: list[list[Any]], most: int) -> None:
    """Whatever stands in the lines, a first look at many counts what reading each in full counts."""
    store, fold = Store(most), Fold(Store(most))
    events = 0
    for batch in batches:
        lines = [b"{" if event is None else msgspec.json.encode(event) for event in batch]
        for line in lines:
            try:
                event = read_event(line)
                assert event["event"] != "user.came"
                datetime.fromisoformat(event["timestamp"])
            except (ValueError, AssertionError):
                continue
            store.fold(event, epoch_ns(event["timestamp"]))
            events += 1
        fold.lines(lines, "app.log")

    assert (fold.events, fold.events + fold.passed_over) == (events, sum(map(len, batches)))
    assert fold.store.snapshot().to_dict() == store.snapshot().to_dict()


money = st.sampled_from(["0.25", "0.000001", "1E-7", "-1", "NaN", "12" * 40, "1e12", "0." + "1" * 61, "x", "0"])
likely: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(["a", ""]),
    "number": st.sampled_from([0.5, 0, 1e11]),
    "integer": st.sampled_from([0, 3, 12.0, -1, 2**70]),
    "boolean": st.booleans(),
    "decimal": money,
    "list": st.just(["odd"]),
    "object": st.dictionaries(st.sampled_from(["input", "output", "strange"]), money, max_size=2),
    "objects": st.just([{"input_tokens": 1}]),
}
proper: dict[str, st.SearchStrategy[Any]] = {
    **likely,
    "number": st.just(0.5),
    "integer": st.just(3),
    "decimal": st.just("0.25"),
}
asked = st.fixed_dictionaries(
    {
        "timestamp": st.sampled_from(["2023-11-16T18:17:03.979960Z", "2023-11-16T18:17:04.000000Z"]),
        "event": st.just("operation.finished"),
        "operation": st.just("ask"),
        "outcome": st.sampled_from(["ok"] * 9 + ["error"]),
        "duration_seconds": st.sampled_from([0.25, 1.5, 0.001]),
        "provider": st.just("openai"),
        "trace_id": st.just("ab" * 16),
    },
    optional={
        "input_tokens": st.integers(0, 99),
        "cost_usd": st.sampled_from(["0.25", "0.10"]),
        "cost_source": st.sampled_from(["genai-prices", "unpriced"]),
        "cost_by_type": st.fixed_dictionaries({"input": st.just("0.1"), "output": st.just("0.00")}),
        "saved_usd": st.just("0.5"),
    },
)
counting = [
    field for field in FIELDS if field.name.startswith(("usage_", "cost_", "saved_", "retr", "over_", "requests"))
]


def filled(field: Field) -> st.SearchStrategy[dict[str, Any]]:
    """Return a field with a value: a strange one only if a first look sees it, for it passes over the others."""
    looked_at = field.name in FastRequest.__struct_fields__
    return (likely if looked_at else proper)[field.type].map(lambda value: {field.name: value})


# All of ours have a trace: of a series with and without, the slowest with one is found only if it is the slowest.
others = [field for field in FIELDS[5:] if field.name != "trace_id"]
one_more = st.one_of(st.just({}), st.sampled_from([*others, *counting * 5]).flatmap(filled))
beside = st.sampled_from(
    [
        *[("", {})] * 6,
        ("", {"host": {"name": "here"}, "tags": ["beats"]}),
        ("", {"event.duration": 7, "pepperpy.input_tokens": 8}),
        ("", {"labels.model": "other"}),
        ("labels", {"retry": "true"}),
        ("labels", {"customer": "acme"}),
        ("labels", {"cost_usd": "0.3"}),
        ("event", {"outcome": "failure"}),
        ("pepperpy", {"operation": "nobody's"}),
    ]
)


def as_json(event: dict[str, Any], _: tuple[str, dict[str, Any]]) -> bytes:
    """Return a line in our own form."""
    return msgspec.json.encode(event)


def as_ecs(event: dict[str, Any], added: tuple[str, dict[str, Any]]) -> bytes:
    """Return a line of ECS, to which others have added something on the way."""
    document = to_ecs(event)
    group, more = added
    (document.setdefault(group, {}) if group else document).update(more)
    return msgspec.json.encode(document)


@pytest.mark.slow
@pytest.mark.parametrize("form", [as_json, as_ecs])
@settings(deadline=None, max_examples=200)
@given(batches=st.lists(st.lists(st.tuples(asked, one_more, beside), min_size=4, max_size=8), min_size=1, max_size=4))
def test_law_requests_fold_in_bulk_to_what_they_fold_to_one_by_one(
    form: Callable[[dict[str, Any], tuple[str, dict[str, Any]]], bytes], batches: list[list[Any]]
) -> None:
    """Requests, with whatever other field of ours and of either form, count what reading each in full counts."""
    store, fold = Store(), Fold(Store())
    events = 0
    for batch in batches:
        lines = [form({**event, **more}, added) for event, more, added in batch]
        for line in lines:
            try:
                event = read_event(line)
            except ValueError:
                continue
            store.fold(event, epoch_ns(event["timestamp"]))
            events += 1
        fold.lines(lines, "app.log")

    assert (fold.events, fold.events + fold.passed_over) == (events, sum(map(len, batches)))
    assert fold.store.snapshot().to_dict() == store.snapshot().to_dict()


@pytest.mark.parametrize("odd", [{"trace_id": 5}, {"span_id": 7}, {"service": 3}])
def test_a_usual_line_with_an_odd_name_is_passed_over_and_the_others_count(odd: dict[str, Any]) -> None:
    """What a first look does not see ends no replay."""
    call = {
        "timestamp": CALL["timestamp"],
        "event": "operation.finished",
        "operation": "plan",
        "outcome": "ok",
        "duration_seconds": 0.1,
    }
    fold = Fold(Store())
    fold.lines(json_lines([call]), "first.log")
    fold.lines(b"".join(json_lines([call, {**call, "duration_seconds": 9.0, **odd}, call])).splitlines(), "app.log")

    assert (fold.events, fold.passed_over, len(fold.named)) == (3, 1, 1)
    assert fold.named[0].startswith(f"app.log:2: not an event: {next(iter(odd))} is")


def test_a_line_that_is_not_in_order_leaves_no_trace_in_a_slot_of_its_own() -> None:
    """Of a series that was counted before, a line that only looks usual is passed over, and nothing else changes."""
    good = {name: CALL[name] for name in ("timestamp", "event", "operation", "outcome", "duration_seconds", "trace_id")}
    later = {**good, "timestamp": "2023-11-16T18:17:23.979960Z", "trace_id": 5}
    store, fold = Store(), Fold(Store())
    store.fold(good, epoch_ns(good["timestamp"]))
    fold.lines(b"".join(json_lines([good, later])).splitlines(), "app.log")

    assert (fold.events, fold.passed_over) == (1, 1)
    assert fold.store.snapshot().to_dict() == store.snapshot().to_dict()
    assert fold.store.snapshot(10).to_dict() == store.snapshot(10).to_dict()


def test_a_request_that_is_not_in_order_leaves_no_trace_either() -> None:
    """An amount that is none keeps its line from being counted, and its time from being that of the series."""
    late = {**CALL, "timestamp": "2023-11-16T18:17:08.979960Z", "cost_usd": "NaN"}
    lines = [msgspec.json.encode(event) for event in (CALL, CALL, late)]
    store, fold = Store(), Fold(Store())
    for line in lines[:2]:
        store.fold(read_event(line), epoch_ns(CALL["timestamp"]))
    fold.lines(lines, "app.log")

    assert (fold.events, fold.passed_over) == (2, 1)
    assert fold.store.snapshot().to_dict() == store.snapshot().to_dict()
