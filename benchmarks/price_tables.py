"""Our prices beside those of litellm's table: which differ by more than 2 %, by reason. docs/prices.md has the result.

python -m benchmarks.price_tables model_prices_and_context_window_backup.json
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from pepperpy_obs.pricing import Pricer

__all__ = ["main"]

_MUCH: Final = Decimal("0.02")
_TOKENS: Final = 1000
_MILLION: Final = 10**6

_READ: Final = {"input_tokens": _TOKENS}
_WRITTEN: Final = {"input_tokens": 0, "output_tokens": _TOKENS}
_KINDS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "input": ("input_cost_per_token", _READ),
    "output": ("output_cost_per_token", _WRITTEN),
    "cache read": ("cache_read_input_token_cost", {**_READ, "cache_read_tokens": _TOKENS}),
    "cache write": ("cache_creation_input_token_cost", {**_READ, "cache_write_tokens": _TOKENS}),
    "audio input": ("input_cost_per_audio_token", {**_READ, "audio_input_tokens": _TOKENS}),
    "audio output": ("output_cost_per_audio_token", {**_WRITTEN, "audio_output_tokens": _TOKENS}),
    "image input": ("input_cost_per_image_token", {**_READ, "image_input_tokens": _TOKENS}),
    "image output": ("output_cost_per_image_token", {**_WRITTEN, "image_output_tokens": _TOKENS}),
} | {
    f"{kind}, {tier}": (f"{key}_{suffix}", {**counted, "service_tier": tier})
    for kind, key, counted in (
        ("input", "input_cost_per_token", _READ),
        ("output", "output_cost_per_token", _WRITTEN),
        ("cache read", "cache_read_input_token_cost", {**_READ, "cache_read_tokens": _TOKENS}),
    )
    for tier, suffix in (("flex", "flex"), ("priority", "priority"), ("batch", "batches"))
}
"""Litellm's name of each rate, and a usage that is charged at nothing else."""

_REASONS: Final = tuple(
    (reason, re.compile(where))
    for reason, where in (
        ("A", r"^bedrock\S* \S*/(?:[a-z]+-)+\d/|^bedrock\S* us-gov\."),
        ("B", r"^bedrock\S* (?:anthropic\.)?claude-|^bedrock\S* openai\.gpt-6"),
        ("C", r"^bedrock\S* .*, (?:flex|priority|batch)$"),
        ("D", r"^azure\S* azure/(?:eu|us|apac|us-gov)/\S* "),
        ("E", r"^azure\S* azure(?:_ai)?/gpt-5\.[45](?:-pro)?\S* "),
        ("F", r"^azure\S* "),
        ("G", r" cache write$|claude-3-opus"),
        ("H", r"^(?:gemini|vertex_ai\S*) \S*gemini-4-argon "),
        ("I", r"^(?:gemini|vertex_ai\S*) .* cache read"),
        ("J", r"^(?:gemini|vertex_ai\S*) .* audio input"),
        ("K", r"^vertex_ai\S* "),
        ("L", r"^openai \S* (?:audio input|output)$"),
        ("M", r"^openai "),
        ("N", r"^perplexity \S*sonar "),
        ("O", r"^ovhcloud "),
        ("P", r"^fireworks_ai .*, priority$"),
        ("Q", r"^xai \S*grok-code-fast"),
        ("R", r"^(?:fireworks_ai|together_ai|cloudflare|novita|deepseek|mistral) "),
    )
)
"""Groups of pairs, by host, model and kind; the first that fits. docs/prices.md explains each by its letter."""


class Pair(NamedTuple):
    """One rate of one model in both tables, in US dollars for a million."""

    host: str
    model: str
    kind: str
    ours: Decimal
    theirs: Decimal
    source: str

    @property
    def differs(self) -> bool:
        """Whether the two are more than 2 % apart."""
        return abs(self.ours - self.theirs) > _MUCH * max(self.ours, self.theirs)


def pairs(table: Mapping[str, Mapping[str, Any]], now: int) -> Iterator[Pair]:
    """Yield each rate that both tables have."""
    pricer = Pricer()
    for model, row in table.items():
        host = row.get("litellm_provider")
        if not host:
            continue
        provider = "vertex_ai" if host.startswith("vertex_ai") else host
        for kind, (key, counted) in _KINDS.items():
            theirs = row.get(key)
            if theirs is None:
                continue
            cost = pricer.price({"provider": provider, "model": model, **counted}, now)
            if cost is not None:
                tokens = cost.total - cost.by_type.get("request", 0)  # litellm has fees apart
                yield Pair(host, model, kind, tokens / _TOKENS * _MILLION, theirs * _MILLION, cost.source)


def reason_of(pair: Pair) -> str:
    """Return the group of a pair; `?` is for one that nobody has looked at."""
    text = f"{pair.host} {pair.model} {pair.kind}"
    return next((reason for reason, where in _REASONS if where.search(text)), "?")


def main() -> None:
    """Print how many pairs differ, by group; with --all, each of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, help="litellm's model_prices_and_context_window_backup.json")
    parser.add_argument("--all", action="store_true", help="each pair that differs")
    parser.add_argument(
        "--at",
        type=datetime.fromisoformat,
        default=datetime.now(UTC),
        help="prices of this moment, UTC: some have hours",
    )
    options = parser.parse_args()
    table = json.loads(options.table.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
    found = list(pairs(table, int(options.at.replace(tzinfo=UTC).timestamp()) * 1_000_000_000))
    differ = [pair for pair in found if pair.differs]
    print(f"{len(found)} pairs, {len(differ)} differ by more than 2 %")
    if options.all:
        for pair in sorted(differ):
            rates = f"{pair.ours:f} {pair.theirs:f} {pair.source}"
            print(f"{reason_of(pair)} {pair.host:28} {pair.kind:20} {pair.model:70} {rates}")
        return
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in differ:
        groups[reason_of(pair)].append(pair)
    for group, members in sorted(groups.items()):
        hosts = Counter(pair.host for pair in members)
        print(f"{group} {len(members):4}  {', '.join(f'{host} {count}' for host, count in hosts.most_common())}")


if __name__ == "__main__":
    main()
