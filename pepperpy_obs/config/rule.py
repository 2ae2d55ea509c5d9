"""`Rule`: when an alert is to be made, checked when it is made, in code or in a settings file.

What the stats are stands here by their names, so that a wrong one is refused at set-up. How they are worked out stands
in `judgement`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from math import isfinite
from typing import Any, Final

from pepperpy_obs.errors import SetupError

__all__ = ["COUNTS", "QUANTILES", "SHARES", "SPECIAL", "Rule", "known_stats", "offer_stat", "rules_from", "seconds"]

COUNTS: Final = (
    "calls", "errors", "cancelled", "requests", "request_errors", "tokens", "input_tokens", "output_tokens", "cost",
    "unpriced", "without_usage", "retries",
)  # fmt: skip
"""What is counted within the window. Two of them with a slash between are a ratio: errors/requests."""
SHARES: Final = (
    "error_rate", "request_error_rate", "unpriced_share", "without_usage_share", "cost_per_request",
    "tokens_per_request", "avg_response_time", "typical_response_time", "avg_time_to_first_item",
)  # fmt: skip
"""One count over another, or a mean. typical_response_time is the mean of logarithms, which few slow calls move."""
QUANTILES: Final = ("p50_response_time", "p95_response_time", "p99_response_time", "p95_time_to_first_item")
SPECIAL: Final = ("active", "dropped", "event_age", "pending_events")
"""Calls that run, log lines lost within the window, seconds since the latest event, events that receivers lack."""
_SLO: Final = ("error_rate", "request_error_rate")
SEVERITIES: Final = ("info", "warning", "error", "critical")

_SPAN: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?([smhd]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_NAME: Final = re.compile(r"[^\x00-\x1f]{1,120}")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_offered: dict[str, Callable[[], Mapping[tuple[tuple[str, str], ...], float]]] = {"anomaly": dict}
"""By the name of their stat. Of anomalies, which a runtime looks for where a rule asks, there are none before."""


def offer_stat(name: str, gather: Callable[[], Mapping[tuple[tuple[str, str], ...], float]]) -> None:
    """Let rules have another stat: `gather` returns its value by labels, each a tuple of (name, value).

    For what is no fold of events: how much of a budget is spent, how sure an anomaly is. It is called at each
    evaluation, and has to be quick.
    """
    if name in (*COUNTS, *SHARES, *QUANTILES, *SPECIAL):
        msg = f"a stat {name!r} exists already; give another name"
        raise SetupError(msg)
    _offered[name] = gather


def known_stats() -> tuple[str, ...]:
    """Return the names that a rule may have, but for ratios."""
    return *COUNTS, *SHARES, *QUANTILES, *SPECIAL, *_offered


def offered(name: str) -> Mapping[tuple[tuple[str, str], ...], float] | None:
    """Return the values of an offered stat by labels; None if it is none."""
    gather = _offered.get(name)
    return None if gather is None else gather()


def seconds(span: object, what: str, *, least: float = 0.0) -> float:
    """Return a span in seconds; SetupError, which calls it `what`, for one that is none or not above `least`."""
    found = -1.0
    if isinstance(span, str) and (match := _SPAN.fullmatch(span.strip())):
        found = float(match[1]) * _UNITS[match[2]]
    elif isinstance(span, int | float) and not isinstance(span, bool):
        found = float(span)
    if not isfinite(found) or found < least:
        msg = f'{what}={span!r}; give {"seconds" if not least else "seconds above 0"}, or a number and a unit: "5m"'
        raise SetupError(msg)
    return found


@dataclass(frozen=True, slots=True)
class Rule:
    """When an alert fires: a stat over a window, for some time, for each value of some labels.

    `above` and `below` are limits that must be passed. `until` is the value back at which a firing alert ends, if not
    the limit itself. `over` is the window. `for_` is how long the limit has to be passed without a gap, `keep` how long
    an alert goes on firing after that. With `by` there is an alert for each agent, model, operation, kind or provider,
    or value of a field in `Config.cost_attributes`. Below `min_calls` nothing is judged (10 for shares, means and
    quantiles, else none). `notify` names notifiers, or gives functions; empty stands for all.

    Three further conditions: `against` compares the stat with its value over the time before the window (2.0 is twice
    as much); `absent` fires for labels that were seen before and have no calls in the window; `slo` takes `above` for
    a burn rate of the errors that the objective allows, over the window and over its `short` end (a twelfth).

    >>> Rule("too dear", "cost", above=5, over="1h", by=("agent",)).window
    3600.0
    >>> Rule("failing", "eror_rate", above=0.1)
    Traceback (most recent call last):
    pepperpy_obs.errors.SetupError: rule 'failing': stat='eror_rate' is not known; did you mean 'error_rate'? ...
    """

    name: str
    stat: str
    above: float | None = None
    below: float | None = None
    over: float | str = "5m"
    for_: float | str = 0.0
    keep: float | str = 0.0
    by: tuple[str, ...] = ()
    min_calls: int | None = None
    severity: str = "warning"
    notify: tuple[str | Callable[[Mapping[str, Any]], object], ...] = ()
    until: float | None = None
    against: float | str | None = None
    absent: bool = False
    slo: float | None = None
    short: float | str | None = None
    summary: str = ""
    """What a person is told; the rule's condition in words unless given."""

    def __post_init__(self) -> None:
        try:
            self._check()
        except SetupError as error:
            msg = f"rule {self.name!r}: {error}"
            raise SetupError(msg) from None

    def _check(self) -> None:
        name: Any = self.name
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            msg = f"name={name!r}; give a name of 1 to 120 characters"
            raise SetupError(msg)
        for field in ("by", "notify"):
            given: Any = getattr(self, field)
            is_one = isinstance(given, str) or callable(given)
            many: tuple[Any, ...] = (given,) if is_one else (*getattr(self, field),)
            object.__setattr__(self, field, many)
        _check_stat(self.stat)
        for field, least in (("over", 1.0), ("for_", 0.0), ("keep", 0.0)):
            object.__setattr__(self, field, seconds(getattr(self, field), field, least=least))
        for field in ("against", "short"):
            if (span := getattr(self, field)) is not None:
                object.__setattr__(self, field, seconds(span, field, least=1.0))
        self._check_condition()
        self._check_limits()
        self._check_words()

    def _check_condition(self) -> None:
        counted = self.stat in (*COUNTS, *SHARES) or "/" in self.stat
        if sum((self.against is not None, self.absent, self.slo is not None)) > 1:
            msg = "against, absent and slo are different conditions; give one of them, or a rule for each"
            raise SetupError(msg)
        if self.against is not None and not counted:
            msg = f"stat={self.stat!r} cannot be compared with its past; give one of {', '.join((*COUNTS, *SHARES))}"
            raise SetupError(msg)
        if self.absent and self.stat not in COUNTS:
            msg = f"absent takes a stat that is counted, not {self.stat!r}; give one of {', '.join(COUNTS)}"
            raise SetupError(msg)
        if self.short is not None and self.slo is None:
            msg = f"short={self.short!r} belongs to a burn rate; give slo=, or leave it out"
            raise SetupError(msg)
        if self.slo is not None and (not 0 < self.slo < 1 or self.stat not in _SLO):
            msg = f"slo={self.slo!r} of stat={self.stat!r}; give a share such as 0.99, of {' or '.join(_SLO)}"
            raise SetupError(msg)

    def _check_limits(self) -> None:
        limits = [limit for limit in (self.above, self.below) if limit is not None]
        if self.absent:
            if limits or self.until is not None:
                msg = "absent has no limit; leave out above, below and until"
                raise SetupError(msg)
            return
        if len(limits) != 1:
            msg = f"above={self.above!r} and below={self.below!r}; give one of them"
            raise SetupError(msg)
        if self.slo is not None and self.above is None:
            msg = "a burn rate takes above=, such as 14.4 for an hour"
            raise SetupError(msg)
        for limit in (*limits, *([] if self.until is None else [self.until])):
            if not _is_number(limit):
                msg = f"{limit!r} is no limit; give a number"
                raise SetupError(msg)
        if self.until is not None and ((self.above is not None) == (self.until > limits[0])):
            msg = f"until={self.until!r} is beyond the limit {limits[0]!r}; give a value on the good side of it"
            raise SetupError(msg)

    def _check_words(self) -> None:
        if self.severity not in SEVERITIES:
            msg = f"severity={self.severity!r}; give one of {', '.join(SEVERITIES)}"
            raise SetupError(msg)
        if self.min_calls is not None and (type(self.min_calls) is not int or self.min_calls < 0):
            msg = f"min_calls={self.min_calls!r}; give a whole number, 0 or more"
            raise SetupError(msg)
        labels: tuple[Any, ...] = self.by
        for one in labels:
            if not isinstance(one, str) or not _LABEL.fullmatch(one):
                msg = f"by={self.by!r}; give names of labels, such as ('agent',)"
                raise SetupError(msg)
        notifiers: tuple[Any, ...] = self.notify
        for one in notifiers:
            if not isinstance(one, str) and not callable(one):
                msg = f"notify={self.notify!r}; give names of notifiers, or functions that take an alert"
                raise SetupError(msg)

    @property
    def window(self) -> float:
        """The seconds of `over`."""
        return float(self.over)

    @property
    def longest(self) -> float:
        """How many seconds back it looks."""
        return self.window + float(self.against or 0.0)

    @property
    def hold(self) -> float:
        """The seconds of `for_`."""
        return float(self.for_)

    @property
    def kept(self) -> float:
        """The seconds of `keep`."""
        return float(self.keep)

    @property
    def least(self) -> int:
        """Calls below which nothing is judged."""
        if self.min_calls is not None:
            return self.min_calls
        return 10 if self.stat in (*SHARES, *QUANTILES) or "/" in self.stat else 0

    def at_once(self) -> Rule:
        """Return the rule that fires as soon as its condition holds: for a single look at what was counted."""
        return replace(self, for_=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return what was given, as plain values; functions by their names."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        plain["by"] = list(self.by)
        told = self.notify
        plain["notify"] = [one if isinstance(one, str) else getattr(one, "__qualname__", repr(one)) for one in told]
        empty: dict[str, Any] = {"by": [], "notify": []}
        return {
            one.name: plain[one.name] for one in fields(self) if plain[one.name] != empty.get(one.name, one.default)
        }


_SPELLED: Final = {"for": "for_"}
_FIELDS: Final = tuple(field.name for field in fields(Rule))


def rules_from(given: object) -> tuple[Rule, ...]:
    """Return rules as a settings file has them: each a `Rule`, or a table of its fields; SetupError for others."""
    if not isinstance(given, list | tuple):
        msg = f"{given!r} is no list of rules; give Rule(...) in code, or [[rules]] in the settings file"
        raise SetupError(msg)
    found = tuple(one if isinstance(one, Rule) else _rule(one) for one in given)
    names = [rule.name for rule in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        msg = f"two rules are named {twice[0]!r}; give each a name of its own"
        raise SetupError(msg)
    return found


def _rule(table: object) -> Rule:
    if not isinstance(table, Mapping):
        msg = f"{table!r} is no rule; give Rule(name, stat, above=...), or a table with name, stat and above"
        raise SetupError(msg)
    named = {_SPELLED.get(str(name), str(name)): value for name, value in table.items()}
    for name in named:
        if name not in _FIELDS:
            accepted = ", ".join(_FIELDS)
            msg = (
                f"rule {named.get('name', '')!r}: unknown field {name!r};{_hint(name, _FIELDS)} accepted are {accepted}"
            )
            raise SetupError(msg)
    for name in ("name", "stat"):
        if name not in named:
            msg = f"rule {named.get('name', '')!r} has no {name}; give one"
            raise SetupError(msg)
    return Rule(**named)


def _check_stat(stat: object) -> None:
    if isinstance(stat, str):
        top, slash, bottom = stat.partition("/")
        if slash and top in COUNTS and bottom in COUNTS:
            return
        if not slash and stat in known_stats():
            return
    accepted = f"{', '.join(known_stats())}, or a ratio of two counts such as errors/requests"
    msg = f"stat={stat!r} is not known;{_hint(str(stat), known_stats())} accepted are {accepted}"
    raise SetupError(msg)


def _hint(name: str, accepted: tuple[str, ...]) -> str:
    close = get_close_matches(name.lower().replace("-", "_"), accepted, n=1)
    return f" did you mean {close[0]!r}?" if close else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
