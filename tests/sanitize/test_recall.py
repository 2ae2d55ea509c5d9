"""Credentials as they occur in logs are found, and texts that only look like them stay."""

from __future__ import annotations

import re
from collections.abc import Iterator

# The parser of `re` is not public, but nothing else knows what a pattern repeats.
from re import _constants as codes  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
from re import _parser as parser  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
from typing import Any

import pytest

from pepperpy_obs.sanitize import secrets
from pepperpy_obs.sanitize.secret_contexts import CONTEXTS as ROWS
from pepperpy_obs.sanitize.secret_marks import MARKED
from pepperpy_obs.sanitize.secrets import without_secrets
from tests.sanitize.credentials import BENIGN, CONTEXTS, IN_CONTEXT, KEYS, filled, leaks

pytestmark = pytest.mark.hostile


@pytest.mark.parametrize("form", KEYS)
def test_keys_are_known_by_themselves(form: str) -> None:
    """Nothing usable of an issuer's key stays, in whatever text it stands."""
    for number, context in enumerate(CONTEXTS):
        key, secret = filled(form, number)
        redacted = without_secrets(context.format(key))

        assert not leaks(redacted, secret), redacted


@pytest.mark.parametrize("form", IN_CONTEXT)
def test_secrets_are_known_by_their_place(form: str) -> None:
    """Nothing usable stays of what stands beside a secret's name, in a command, an address or a sentence."""
    for number in range(20):
        text, secret = filled(form, number)
        redacted = without_secrets(f"at 12:30 {text} (attempt 2)")

        assert not leaks(redacted, secret), redacted


@pytest.mark.parametrize("text", BENIGN)
def test_other_texts_stay(text: str) -> None:
    """Ids, hashes, addresses, code and prose are left alone."""
    assert without_secrets(text) is text


def repeats(pattern: Any) -> Iterator[Any]:
    """Yield each repeat of a parsed pattern that has no upper bound and may give back what it took."""
    for code, argument in pattern:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and argument[1] is codes.MAXREPEAT:
            yield argument
        yield from (each for inner in nested(argument) for each in repeats(inner))


def nested(argument: Any) -> Iterator[Any]:
    """Yield the patterns within a part of a pattern."""
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, list | tuple):
        for each in argument:
            yield from nested(each)


PATTERNS = {
    **{f"row {number}": row[1] for number, row in enumerate(ROWS)},
    "marked": MARKED,
    **{name: value for name, value in vars(secrets).items() if isinstance(value, re.Pattern)},
    **{f"prose {name}": value for name, value in secrets._IN_PROSE.items()},
}


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_can_run_away(name: str) -> None:
    """Each repeat has an upper bound, or never gives back: so the time of a pass is linear in the text."""
    pattern = PATTERNS[name]

    assert list(repeats(parser.parse(pattern.pattern, pattern.flags))) == []


def test_what_never_settles_is_redacted_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that each pass still changes gets a bounded number of them."""
    passes: list[str] = []

    def grows(text: str) -> str:
        passes.append(text)
        return text + "!"

    monkeypatch.setattr(secrets, "_once", grows)

    assert without_secrets("x") == "[redacted]"
    assert len(passes) == secrets._ROUNDS
