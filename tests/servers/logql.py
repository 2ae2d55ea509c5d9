"""Metric queries of LogQL, as far as our documents use them (grafana.com/docs/loki/latest/query/metric_queries).

    sum|max|count [by (labels)] (...)      a / b, matched by their labels
    count_over_time|sum_over_time|max_over_time(SELECTOR | json a="b" | a="b" | a!="" | unwrap a [5m]) [by (labels)]

A line whose label is missing or no number is left out by `unwrap`. The result is that of one moment, an instant query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Row = tuple[dict[str, str], int, str]

TOKEN = re.compile(r'\s*(\d+[smhd]|"(?:[^"\\]|\\.)*"|\w+|\|=|!=|=~|[{}()\[\]|,=/])')
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
JOINED: Mapping[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "count": lambda all_: len([*all_])}


@dataclass
class Parser:
    """Evaluates while it reads; `rows` are all lines, with their labels and times."""

    tokens: list[str]
    rows: list[Row]
    now: int
    place: int = 0

    def peek(self) -> str:
        """Return the next token, "" at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        """Return the next token, which has to be one of these if any are given."""
        token = self.peek()
        if not token or (expected and token not in expected):
            msg = f"syntax error: unexpected {token!r}, expecting {' or '.join(expected) or 'more'}"
            raise ValueError(msg)
        self.place += 1
        return token

    def query(self) -> Vector:
        """Read it all."""
        left = self.term()
        while self.peek() == "/":
            self.take("/")
            right = self.term()
            left = {key: value / right[key] for key, value in left.items() if key in right}
        if self.peek():
            self.take("/")
        return left

    def term(self) -> Vector:
        """Read an aggregation, or a function over a range."""
        name = self.take()
        if name.endswith("_over_time"):
            return self.over_time(name.removesuffix("_over_time"))
        labels = self.by()
        self.take("(")
        inner = self.query_within()
        self.take(")")
        return joined(inner, labels or self.by() or [], JOINED[name])

    def query_within(self) -> Vector:
        """Read what stands in brackets."""
        left = self.term()
        while self.peek() == "/":
            self.take("/")
            right = self.term()
            left = {key: value / right[key] for key, value in left.items() if key in right}
        return left

    def by(self) -> list[str] | None:
        """Read `by (a, b)`, if it is there."""
        if self.peek() != "by":
            return None
        self.take("by")
        self.take("(")
        names = [self.take()]
        while self.take(",", ")") == ",":
            names.append(self.take())
        return names

    def over_time(self, name: str) -> Vector:
        """Read the pipeline and its range, and add up."""
        self.take("(")
        rows, unwrapped = self.pipeline()
        self.take("[")
        text = self.take()
        self.take("]")
        self.take(")")
        begin = self.now - int(text[:-1]) * SECONDS[text[-1]] * 1_000_000_000
        values: dict[Labels, list[float]] = {}
        for labels, at, _ in rows:
            if not begin < at <= self.now:
                continue
            value = 1.0
            if unwrapped:
                try:
                    value = float(labels[unwrapped])
                except (KeyError, ValueError):
                    continue
            key = frozenset((one, text) for one, text in labels.items() if text and one != unwrapped)
            values.setdefault(key, []).append(value)
        found = {key: JOINED[name](all_) for key, all_ in values.items()}
        kept = self.by()
        return found if kept is None else joined(found, kept, JOINED[name])

    def pipeline(self) -> tuple[list[Row], str]:
        """Read a selector and its stages; return the rows that pass, and what is unwrapped."""
        self.take("{")
        rows = self.matching(self.rows, {"=": lambda value, wanted: value == wanted, "=~": full_match})
        self.take("}")
        unwrapped = ""
        while self.peek() in {"|", "|="}:
            if self.take("|", "|=") == "|=":
                needle = json.loads(self.take())
                rows = [row for row in rows if needle in row[2]]
            elif self.peek() == "json":
                self.take("json")
                rows = self.extracted(rows)
            elif self.peek() == "unwrap":
                self.take("unwrap")
                unwrapped = self.take()
            else:
                how = {"=": lambda value, wanted: value == wanted, "!=": lambda value, wanted: value != wanted}
                rows = self.matching(rows, how)
        return rows, unwrapped

    def matching(self, rows: list[Row], how: Mapping[str, Callable[[str, str], bool]]) -> list[Row]:
        """Read one matcher or more, and return the rows that match."""
        while True:
            name, operator, wanted = self.take(), self.take(*how), json.loads(self.take())
            rows = [row for row in rows if how[operator](row[0].get(name, ""), wanted)]
            if self.peek() != ",":
                return rows
            self.take(",")

    def extracted(self, rows: list[Row]) -> list[Row]:
        """Read `label="path"`, and return the rows with these labels."""
        wanted: dict[str, str] = {}
        while True:
            name = self.take()
            self.take("=")
            wanted[name] = json.loads(self.take())
            if self.peek() != ",":
                break
            self.take(",")
        return [({**labels, **read(line, wanted)}, at, line) for labels, at, line in rows]


def read(line: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return labels out of a line of JSON; a missing one is empty."""
    event = json.loads(line)
    return {name: str(event[path]) if path in event else "" for name, path in wanted.items()}


def full_match(value: str, wanted: str) -> bool:
    """Match as RE2 does in a selector: the whole value."""
    return re.fullmatch(wanted, value) is not None


def joined(vector: Vector, labels: list[str], join: Callable[[Iterable[float]], float]) -> Vector:
    """Aggregate by some of the labels."""
    groups: dict[Labels, list[float]] = {}
    for key, value in vector.items():
        groups.setdefault(frozenset((name, text) for name, text in key if name in labels), []).append(value)
    return {key: join(values) for key, values in groups.items()}


def evaluate(query: str, rows: list[Row], now: int) -> Vector:
    """Return what an instant query gives at `now`; ValueError for what is no query of these."""
    tokens, at = [], 0
    while at < len(query.rstrip()):
        if (match := TOKEN.match(query, at)) is None:
            msg = f"syntax error at {query[at : at + 20]!r}"
            raise ValueError(msg)
        tokens.append(match[1])
        at = match.end()
    return Parser(tokens, rows, now).query()
