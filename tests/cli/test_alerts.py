"""The verb alerts: what fires in a service, in logs, and which rules are in force."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pepperpy_obs import Config, MetricsCollector, Rule
from pepperpy_obs.cli.main import main
from pepperpy_obs.server import serve


def failing(collector: MetricsCollector) -> None:
    """Have twenty calls fail."""
    for _ in range(20):
        with pytest.raises(OSError, match="no"), collector.record_call("openai", operation="ask"):
            raise OSError("no")


def test_the_rules_of_the_settings_judge_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, as an alert fires; a rule's time of waiting is left aside."""
    log = tmp_path / "app.log"
    collector = MetricsCollector(Config(log_file=log, log_format="json", default_rules=False))
    failing(collector)
    collector.shutdown()
    assert main(["alerts", "--json", str(log)]) == 1
    found = {one["rule"]: one for one in json.loads(capsys.readouterr().out)}
    assert {name: (one["state"], one["value"], one["labels"]) for name, one in found.items()} == {
        "error_rate": ("firing", 1.0, []),
        "request_error_rate": ("firing", 1.0, [["provider", "openai"]]),
        "without_usage": ("firing", 1.0, []),
    }
    assert main(["alerts", str(log)]) == 1
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["state", "severity", "alert", "labels", "value", "since"]
    assert [row.split()[2] for row in rows] == ["error_rate", "request_error_rate", "without_usage"]


def test_a_service_tells_of_its_own_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    """By its own rules, though the settings here have others; none fires of none."""
    rules = (Rule("busy", "calls", above=5), Rule("later", "calls", above=5, for_="1h"))
    config = Config(log_format="none", rules=rules, default_rules=False, rules_interval=3600)
    collector = MetricsCollector(config)
    page = serve(0, collector=collector)
    try:
        assert main(["alerts", page.url]) == 0
        assert capsys.readouterr().out == "no alerts\n"
        failing(collector)
        collector.runtime._alerting.run()
        assert main(["alerts", "--json", page.url]) == 1
    finally:
        page.close()
        collector.shutdown()
    found = [(one["rule"], one["state"], one["value"]) for one in json.loads(capsys.readouterr().out)]
    assert found == [("busy", "firing", 20.0), ("later", "pending", 20.0)]


def test_the_rules_in_force_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """In words, and as JSON."""
    assert main(["alerts", "--rules"]) == 0
    assert "request_error_rate: request_error_rate above 0.25 over 5m, by provider\n" in capsys.readouterr().out
    assert main(["alerts", "--rules", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "error_rate"
