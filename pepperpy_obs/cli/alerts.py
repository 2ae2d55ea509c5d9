"""Shows which alerts of rules fire, of a running service or by the rules of the settings."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

from pepperpy_obs import Config, Rule, _clock, source
from pepperpy_obs.alerting.evaluation import Evaluation, LatestReadings, alert_stats
from pepperpy_obs.judgement.conditions import condition_in_words
from pepperpy_obs.judgement.default_rules import rules_of
from pepperpy_obs.readings import AlertStats
from pepperpy_obs.readings.source import Source

__all__ = ["add_options", "run"]

_ORDER = ("firing", "pending", "resolved")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "A running service tells of its own alerts. Of other sources (logs, a store) the rules of the settings are"
        " evaluated once, so that none is pending: for_ is left aside. Exit code 1 if an alert fires."
    )
    parser.add_argument("places", nargs="*", metavar="SOURCE", help="as in the verb cost: a URL, or log files")
    parser.add_argument("--rules", action="store_true", help="show the rules in force, and evaluate none")


def run(options: argparse.Namespace) -> int:
    """Print the alerts."""
    config = Config()
    if options.rules:
        rules = rules_of(config)
        print(json.dumps([rule.to_dict() for rule in rules]) if options.json else "\n".join(map(_told, rules)))
        return 0
    places = options.places or [f"http://{config.metrics_host}:{config.metrics_port}"]
    alerts = sorted(
        _alerts(source(*places, config=config), config).values(),
        key=lambda one: (_ORDER.index(one.state), one.rule, one.labels),
    )
    print(json.dumps([one.to_dict() for one in alerts]) if options.json else _table(alerts))
    return 1 if any(one.state == "firing" for one in alerts) else 0


def _told(rule: Rule) -> str:
    by = f", by {' and '.join(rule.by)}" if rule.by else ""
    held = f", for {rule.hold:g} s" if rule.hold else ""
    return f"{rule.severity:8}  {rule.name}: {condition_in_words(rule)}{by}{held}"


def _alerts(found: Source, config: Config) -> dict[str, AlertStats]:
    """Return the alerts that a service has; else those that the rules make of its figures now."""
    reading = found.reading()
    if reading.own.known:
        return dict(reading.own.alerts)
    evaluation = Evaluation([rule.at_once() for rule in rules_of(config)], LatestReadings(found.reading), {}, 1.0)
    evaluation.run(_clock.time_ns())
    return alert_stats(evaluation.rules, evaluation.alerts)


def _table(alerts: list[AlertStats]) -> str:
    if not alerts:
        return "no alerts"
    rows = [("state", "severity", "alert", "labels", "value", "since")]
    for one in alerts:
        labels = ", ".join(f"{name}={value}" for name, value in one.labels if value)
        since = datetime.fromtimestamp((one.fired_at or one.active_at) // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        rows.append((one.state, one.severity, one.rule, labels, f"{one.value:.4g}", since))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
