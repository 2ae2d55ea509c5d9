from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs.config import Config
from pepperpy_obs.judgement.checks import BUILT_IN, HealthInput, run_checks
from pepperpy_obs.judgement.report import CheckResult
from pepperpy_obs.readings import DeliveryStats, OutputStats, StoreStats
from tests.still import AT, Still

ALL_ON: dict[str, Any] = {
    "health_min_calls": 4,
    "health_max_error_rate": 0.5,
    "health_max_request_error_rate": 0.5,
    "health_max_p95_seconds": 2.0,
    "health_max_unpriced_share": 0.25,
    "health_max_dropped": 1,
    "health_max_event_age_seconds": 60.0,
    "health_max_ship_delay_seconds": 60.0,
}
ALL_OFF: dict[str, Any] = {name: None for name in ALL_ON if name != "health_min_calls"}


def judged(
    still: Still,
    *,
    silence: float = 0.0,
    dropped: Mapping[str, int] | None = None,
    outputs: Mapping[str, OutputStats] | None = None,
    deliveries: Mapping[str, DeliveryStats] | None = None,
    store: StoreStats | None = None,
    **limits: Any,
) -> dict[str, CheckResult]:
    """Return the results of all checks under the given limits."""
    config = Config(config_file=None, **{**ALL_ON, **limits})
    recent = still.reading().snapshot
    found = run_checks(HealthInput(config, recent, silence, dropped or {}, outputs or {}, deliveries or {}, AT, store))
    return {result.name: result for result in found}


def test_nothing_has_happened_and_all_is_well(still: Still) -> None:
    """A fresh process passes every check, with the limits at their defaults and with all of them set."""
    assert {name: result.status for name, result in judged(still).items()} == dict.fromkeys(BUILT_IN, "pass")
    fresh = run_checks(HealthInput(Config(config_file=None), still.reading().snapshot, 0.0, {}, {}))
    assert {result.status for result in fresh} == {"pass"}


def test_a_limit_of_none_switches_its_check_off(still: Still) -> None:
    """Without limits only the outputs and the alerts of rules are looked at."""
    assert set(judged(still, **ALL_OFF)) == {"exporters", "alerts"}


def test_errors_above_the_limit_fail(still: Still) -> None:
    """More failed calls than allowed are a failure that names the worst operation; cancelled calls are no errors."""
    still.fold(operation="plan", outcome="error", error_type="KeyError")
    still.fold(operation="ask", outcome="error", error_type="TimeoutError")
    still.fold(operation="ask", outcome="error", error_type="TimeoutError")
    still.fold(operation="ask", outcome="cancelled")
    assert judged(still)["error_rate"] == CheckResult(
        "error_rate",
        "fail",
        "75 % of 4 calls in the last 5 minutes failed, 2 of them in ask; the limit is 50 %",
        0.75,
    )
    assert judged(still, health_max_error_rate=0.75)["error_rate"].status == "pass"


def test_slow_calls_fail(still: Still) -> None:
    """A 95th percentile above the limit is a failure; the window is told in words."""
    for seconds in (1.0, 1.0, 1.0, 4.0):
        still.fold(operation="ask", outcome="ok", duration_seconds=seconds)
    assert judged(still, health_window=90)["p95"] == CheckResult(
        "p95", "fail", "95 % of 4 calls in the last 90 s took at most 4 s; the limit is 2 s", 4.0, "s"
    )
    assert judged(still, health_max_p95_seconds=4.0)["p95"].status == "pass"


def test_answers_without_a_price_warn(still: Still) -> None:
    """A share of unpriced answers above the limit warns, and says what to do."""
    for price in ({"cost_usd": Decimal(1)}, {"cost_source": "unpriced"}) * 2:
        answer: dict[str, Any] = {"provider": "openai", "model": "odd", "input_tokens": 5, **price}
        still.fold(operation="ask", outcome="ok", **answer)
    assert judged(still)["unpriced_share"] == CheckResult(
        "unpriced_share",
        "warn",
        "50 % of 4 answers with usage in the last 5 minutes have no known price; the limit is 25 %; "
        "a price_file can name their prices",
        0.5,
    )
    assert judged(still, health_max_unpriced_share=0.5)["unpriced_share"].status == "pass"


def test_answers_without_usage_warn_of_that_and_not_of_prices(still: Still) -> None:
    """Answers that told no usage warn by a check of their own, which says how to tell it; no price is missing."""
    ask: dict[str, Any] = {"operation": "ask", "outcome": "ok", "provider": "openai", "model": "gpt-4o-mini"}
    priced: dict[str, Any] = {"input_tokens": 5, "cost_usd": 1}
    silent: list[dict[str, Any]] = [{"usage_flags": ["missing"]}, {"usage_incomplete": True}]
    for told in [*silent, priced] * 2:
        still.fold(**ask, **told)
    found = judged(still)
    assert found["without_usage"] == CheckResult(
        "without_usage",
        "warn",
        "66.7 % of 6 requests in the last 5 minutes told no usage, their cost is unknown; the limit is 25 %; "
        "return the whole answer, say usage=, or call current_call().record_usage(response); streams of OpenAI and "
        'its like tell it with stream_options={"include_usage": True}',
        4 / 6,
    )
    assert found["unpriced_share"].status == "pass"


def test_where_every_answer_told_its_usage_no_cost_is_called_unknown(still: Still) -> None:
    """The check says what it found and nothing that is not so."""
    for _ in range(4):
        still.fold(operation="ask", outcome="ok", provider="openai", model="gpt-4o", input_tokens=5, cost_usd=1)
    assert judged(still)["without_usage"] == CheckResult(
        "without_usage", "pass", "0 % of 4 requests in the last 5 minutes told no usage; the limit is 25 %", 0.0
    )


def test_few_calls_are_not_judged(still: Still) -> None:
    """Below the least number of calls no share and no quantile is judged: one failed call of one is no outage."""
    for _ in range(3):
        still.fold(
            operation="ask", model="odd", provider="openai", outcome="error", duration_seconds=9.0, input_tokens=1
        )
    found = judged(still)
    assert {name: result.status for name, result in found.items()} == dict.fromkeys(BUILT_IN, "pass")
    assert found["error_rate"].text == "3 calls in the last 5 minutes: too few to judge, which takes 4"
    assert judged(still, health_min_calls=3)["error_rate"].status == "fail"


def test_lost_lines_warn(still: Still) -> None:
    """More lost lines than allowed warn, and the sentence says where they were lost."""
    assert judged(still, dropped={"redact": 1})["dropped"].status == "pass"
    assert judged(still, dropped={"redact": 1, "file": 2, "loki": 0})["dropped"] == CheckResult(
        "dropped", "warn", "3 log lines were lost (2 at file, 1 at redact); the limit is 1", 3, "lines"
    )


def test_silence_fails(still: Still) -> None:
    """A service that has not ended a call for longer than allowed fails."""
    assert judged(still, silence=60.0)["event_age"].status == "pass"
    assert judged(still, silence=61.0)["event_age"] == CheckResult(
        "event_age", "fail", "no call has ended for 61 s; the limit is 60 s", 61.0, "s"
    )


@pytest.mark.parametrize(
    "outputs,status,text",
    [
        ({}, "pass", "none is configured"),
        ({"json": OutputStats(5), "file": OutputStats(5, failures=2)}, "pass", "all is taken by file, json"),
        (
            {"json": OutputStats(5), "file": OutputStats(5, 2, "OSError: disk full")},
            "warn",
            "file takes nothing: OSError: disk full",
        ),
    ],
)
def test_a_way_out_that_is_down_warns(still: Still, outputs: dict[str, OutputStats], status: str, text: str) -> None:
    """An output whose latest batch was not taken warns; one that has recovered does not."""
    found = judged(still, outputs=outputs)["exporters"]
    assert (found.status, found.text) == (status, text)


def books(sink: str, **facts: Any) -> DeliveryStats:
    """Return a receiver's books with 100 events, all of them acknowledged unless `facts` say otherwise."""
    told: dict[str, Any] = {"accepted": 100, "acknowledged": 100, "rejected": {}, "dropped": {}, "pending": 0}
    told |= {"retries": {}, "requests": 3, "held": "", "last_success_at": None, "oldest_pending_at": None}
    return DeliveryStats(sink, **{**told, **facts})


BEHIND = "loki is behind: 7 events wait, the oldest for 90 s; the limit is 60 s"
LATE = {"pending": 7, "acknowledged": 93, "oldest_pending_at": AT - 90_000_000_000}


@pytest.mark.parametrize(
    "ledger,status,text",
    [
        (books("loki"), "pass", "all is taken by ship; loki has 100 of 100 events"),
        (
            books("loki", acknowledged=90, pending=7, rejected={"400": 2}, dropped={"spool_full": 1}),
            "pass",
            "all is taken by ship; loki has 90 of 100 events, 7 wait, 2 rejected, 1 dropped",
        ),
        (
            books("loki", held="401: no org id", pending=7),
            "warn",
            "loki waits for a person, with 7 events: 401: no org id",
        ),
        (books("loki", held="4" * 5000), "warn", f"loki waits for a person, with 0 events: {'4' * 200}"),
        (books("loki", **LATE), "warn", BEHIND),
        (
            books("loki", **LATE, retries={"503": 4, "no_answer": 2}),
            "warn",
            f"{BEHIND}; requests made again: 4 for 503, 2 for no_answer",
        ),
        (
            books("loki", **{**LATE, "oldest_pending_at": AT - 60_000_000_000}),
            "pass",
            "all is taken by ship; loki has 93 of 100 events, 7 wait",
        ),
    ],
)
def test_a_receiver_that_takes_nothing_warns(still: Still, ledger: DeliveryStats, status: str, text: str) -> None:
    """One that refuses us, and one that events wait for too long, warn with the reason; a little backlog does not."""
    found = judged(still, outputs={"ship": OutputStats(100)}, deliveries={"loki": ledger})["exporters"]
    assert (found.status, found.text) == (status, text)
    off = judged(still, deliveries={"loki": books("loki", **LATE)}, health_max_ship_delay_seconds=None)["exporters"]
    assert off.status == "pass"


def ask(still: Still, provider: str | None, *outcomes: str) -> None:
    """Fold requests of which some failed."""
    for outcome in outcomes:
        told: dict[str, Any] = {"provider": provider} if provider else {"kind": "llm"}
        still.fold(operation="ask", outcome=outcome, **told)


def test_failing_requests_are_not_hidden_among_other_calls(still: Still) -> None:
    """A provider of which all requests fail is a failure, however many tools do well."""
    ask(still, "openai", *["error"] * 5)
    for _ in range(95):
        still.fold(operation="tool", outcome="ok")
    found = judged(still)
    assert found["error_rate"].status == "pass"
    text = "100 % of 5 requests to openai in the last 5 minutes failed; the limit is 50 %"
    assert found["request_error_rate"] == CheckResult("request_error_rate", "fail", text, 1.0)


def test_each_provider_is_judged_by_itself(still: Still) -> None:
    """A fallback that works does not hide the provider that fails; one with few requests is not judged alone."""
    ask(still, "openai", *["error"] * 4)
    ask(still, "anthropic", *["ok"] * 15, "error")
    ask(still, "rare", "error", "error")
    ask(still, None, *["ok"] * 4)
    text = (
        "100 % of 4 requests to openai in the last 5 minutes failed (0 of 4 to no provider, 1 of 16 to anthropic); "
        "the limit is 50 %"
    )
    assert judged(still)["request_error_rate"] == CheckResult("request_error_rate", "fail", text, 1.0)


def test_few_requests_of_many_providers_are_judged_together(still: Still) -> None:
    """Where none has enough; cancelled requests are no errors."""
    for provider in ("a", "b", "c", "d"):
        ask(still, provider, "error" if provider in "ab" else "cancelled")
    text = "50 % of 4 requests in the last 5 minutes failed; the limit is 50 %"
    assert judged(still)["request_error_rate"] == CheckResult("request_error_rate", "pass", text, 0.5)
    too_few = judged(still, health_min_calls=5)["request_error_rate"]
    assert (too_few.status, too_few.text[:10]) == ("pass", "4 requests")


def test_a_store_that_is_away_warns(still: Still) -> None:
    """The check names what the store has not taken, and why; a store that takes all is well."""
    assert judged(still, store=StoreStats(3))["exporters"].text == "the store has 3 minutes"
    found = judged(still, store=StoreStats(3, 2, error="the disk is full"))["exporters"]
    assert (found.status, found.text) == ("warn", "store takes nothing: the disk is full; 2 minutes wait")
    found = judged(still, store=StoreStats(3, dropped=1))["exporters"]
    assert (found.status, found.text) == (
        "warn",
        "store lacks 1 minutes, which store_max_waiting had no room for",
    )
