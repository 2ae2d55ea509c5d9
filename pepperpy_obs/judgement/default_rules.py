"""The rules that are on by themselves: the health limits of `Config`, and latency against its own past.

Health checks and rules have one list of limits: a check that is switched off (None) is no rule either.
"""

from __future__ import annotations

from collections.abc import Iterator

from pepperpy_obs.config import Config
from pepperpy_obs.config.rule import Rule

__all__ = ["default_rules", "rules_of"]


def rules_of(config: Config) -> tuple[Rule, ...]:
    """Return the rules in force: those of the settings, and the defaults whose names they have not taken."""
    taken = {rule.name for rule in config.rules}
    given = default_rules(config) if config.default_rules else ()
    return (*config.rules, *(rule for rule in given if rule.name not in taken))


def default_rules(config: Config) -> Iterator[Rule]:
    """Yield the rules that the health limits make."""
    over, least = config.health_window, config.health_min_calls
    shares = (
        ("error_rate", "error_rate", config.health_max_error_rate, (), "error"),
        ("request_error_rate", "request_error_rate", config.health_max_request_error_rate, ("provider",), "error"),
        ("p95", "p95_response_time", config.health_max_p95_seconds, (), "error"),
        ("unpriced_share", "unpriced_share", config.health_max_unpriced_share, (), "warning"),
        ("without_usage", "without_usage_share", config.health_max_unpriced_share, (), "warning"),
    )
    for name, stat, limit, by, severity in shares:
        if limit is not None:
            yield Rule(name, stat, above=limit, over=over, by=by, min_calls=least, severity=severity)
    if config.health_max_dropped is not None:
        yield Rule("dropped", "dropped", above=config.health_max_dropped, over=over, severity="warning")
    if config.health_max_event_age_seconds is not None:
        yield Rule("event_age", "event_age", above=config.health_max_event_age_seconds, severity="error")
    yield Rule(
        "latency_against_its_past", "typical_response_time", above=2.0, until=1.5, over=max(over, 300.0), against="6h",
        for_="5m", by=("operation",), min_calls=max(least, 100), severity="warning",
        summary="calls take more than twice as long as in the hours before",
    )  # fmt: skip
