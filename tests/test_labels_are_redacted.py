"""What the log redacts, no page, report or table shows either."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from pepperpy_obs import Config, SetupError, agent, cache_lookup, configure, costed, current_call, measure, serve, stats
from pepperpy_obs.cli.main import main
from pepperpy_obs.metrics import Metric, MetricsCollector
from pepperpy_obs.testing import captured

pytestmark = pytest.mark.hostile

KEY = "gh" + "p_" + "a1B2" * 9
PASSWORD = "hunter22pw"
ANSWER = {"model": "gpt-4o", "usage": {"prompt_tokens": 10, "completion_tokens": 1}}


def call_with_secrets() -> None:
    """Use a secret wherever a name is asked for."""

    @costed(operation=f"op {KEY}", agent=KEY, provider=KEY, model=KEY)
    def ask() -> object:
        current_call().add(customer=KEY, url=f"postgres://u:{PASSWORD}@h/db")
        return ANSWER

    for _ in range(4):
        ask()
        with measure(f"block {KEY}"), agent(KEY):
            cache_lookup(KEY, hit=True)
    collector = MetricsCollector()
    tickets = Metric("tickets", "Tickets", unit="tickets")
    collector.record_metric(tickets, 1, team=KEY, password=PASSWORD)


def test_no_page_shows_a_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels of series, groups of costs, names of caches and running calls are redacted when they are first seen."""
    log = tmp_path / "app.log"
    config = Config(
        config_file=None, log_format="json", log_file=log, cost_attributes=("customer", "url"), redact_keys=("team",)
    )
    configure(config)
    call_with_secrets()
    page = serve(port=0)
    shown = {"log": "", "stats": str(stats()), "csv": stats().cost.to_csv(), "json": stats().to_json()}
    try:
        with measure(f"running {KEY}", agent=KEY):
            for path in ("/metrics", "/stats", "/health"):
                with urllib.request.urlopen(page.url + path) as answer:
                    shown[path] = answer.read().decode()
    finally:
        page.close()
        configure(Config(config_file=None, log_format="none")).shutdown()
    shown["log"] = log.read_text()
    assert main(["cost", str(log), "--csv", "--by", "customer,model"]) == 0
    shown["cost"] = capsys.readouterr().out

    assert {name: text for name, text in shown.items() if KEY in text or PASSWORD in text} == {}
    assert 'operation="op [redacted]"' in shown["/metrics"]
    assert 'tickets_total{password="[redacted]",team="[redacted]"} 1.0' in shown["/metrics"]
    assert 'operation="running [redacted]"' in shown["/metrics"]
    assert json.loads(shown["/stats"])["performance"]["operations"]["op [redacted]"]["calls"] == 4


@pytest.mark.parametrize("name", ["api_key", "password", "session_token", "patient"])
def test_a_secret_field_is_no_group_of_costs(name: str) -> None:
    """Names of secrets, and those of `redact_keys`, are refused at set-up, and the sentence names them."""
    with pytest.raises(SetupError, match=f"cost_attributes names {name}, whose values are redacted"):
        configure(Config(config_file=None, cost_attributes=("customer", name), redact_keys=("patient",)))


def test_all_is_shown_where_it_was_asked_for() -> None:
    """`redact_values=False` leaves labels as they are, as it does with the log."""
    with captured(Config(config_file=None, redact_values=False)) as seen:
        with measure(f"op {KEY}"):
            pass

        assert f"op {KEY}" in seen.stats.performance.operations
