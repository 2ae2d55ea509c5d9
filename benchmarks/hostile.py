"""Redaction of hostile texts: the time that 13,000 of them take, and how it grows with their length."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from itertools import product
from statistics import median
from typing import Final

from pepperpy_obs.sanitize.secrets import without_secrets

__all__ = ["main"]

_SIZES: Final = (1500, 3000, 6000, 12_000)
_PIECES: Final = (
    "://", ":", "@", "pass=", "password", "password is ", "='", '="', "'", '"', "\\", " ", "\t", "-p", "mysql ", "-u ",
    "--", "--api-key ", "Bearer ", "basic ", "eyJ", ".", "-eyJ", "sk-", "_sk_", "-----BEGIN ", "PRIVATE KEY-----",
    "-----",
    "<a>", "</a>", "<password>", "</",
    "&", "?key=", "?sig=", "a", "1", "Cookie: ", "[", "]", "(", ",", "','", "\n", "é",
    "token=", "secret for x ", "login ", "docker login ", "%", "-U ", "10.0.0.1:5432:", "x:",
    "hooks.slack.com/services/",
    "A", "=", "password%3D", "&quot;", "otp ", "1//0", "s.", "dp.pt.", "digest ", "Authorization: ", "JQQJ99", "7z ",
)  # fmt: skip


def texts(count: int) -> list[str]:
    """Return units that are repeated: each piece, pairs of them, and longer ones by chance."""
    found = [*_PIECES, *("".join(pair) for pair in product(_PIECES, repeat=2))]
    chosen = random.Random(0)
    while len(found) < count:
        found.append("".join(chosen.choices(_PIECES, k=chosen.randint(3, 6))))
    return found[:count]


def took(unit: str, size: int) -> float:
    """Return the milliseconds of CPU time that one text takes."""
    text = (unit * (size // len(unit) + 1))[:size]
    start = time.thread_time_ns()
    without_secrets(text)
    return (time.thread_time_ns() - start) / 1e6


def main() -> None:
    """Redact all texts in all sizes and print what they took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=13_000)
    units = texts(parser.parse_args().texts)
    found = {size: [took(unit, size) for unit in units] for size in _SIZES}
    longest = _SIZES[-1]
    worst = max(range(len(units)), key=lambda number: found[longest][number])
    # A quadratic pattern would take four times as long for twice the length.
    half = found[longest // 2]
    growth = [whole / half[number] for number, whole in enumerate(found[longest]) if half[number] > 1.0]
    result = {
        "texts": len(units),
        "ms": {size: {"median": round(median(all_), 3), "most": round(max(all_), 2)} for size, all_ in found.items()},
        "growth from 6 to 12 kB": {"median": round(median(growth), 2), "most": round(max(growth), 2)}
        if growth
        else None,
        "worst": {"unit": units[worst], "ms": [round(found[size][worst], 2) for size in _SIZES]},
    }
    sys.stdout.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
