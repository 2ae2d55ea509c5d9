"""What secrets look like in text: by the marks that issuers put on their keys, or by the name beside them.

The marks rarely hit a word by chance (`secret_marks`). What bears none (a bare password, a hex key) is only
found by its name, in code, JSON, headers, options of commands, queries, URLs and plain sentences.

The text may be hostile, so the time is bounded: every pattern begins at something rare and reads a bounded stretch
from there, so that a pass takes time in proportion to the text, and there are at most `_ROUNDS` passes. A text that is
still changing then is redacted as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pepperpy_obs.sanitize.secret_contexts import CONTEXTS
from pepperpy_obs.sanitize.secret_fields import without_fields
from pepperpy_obs.sanitize.secret_marks import MARKED, PRIVATE_KEY
from pepperpy_obs.sanitize.secret_names import holds_numbers, is_secret_name, normal_name

__all__ = ["REDACTED", "without_secrets"]

REDACTED: Final = "[redacted]"
_ROUNDS: Final = 4

_LONG_WORD: Final = re.compile(r"[\w-]{14}")
"""Every key with a mark has such a piece; most texts have none, and are done with in no time."""

# Texts are read backwards, from the sign behind a name to the name: signs are rare, words are everywhere.
_NAMED: Final = re.compile(
    r"""[=:>](?:(?<=>)=|(?<=[=:])[=:]?)[ \t]{0,16}\]?["']?\\{0,3}"""
    r"""([\w.-]{0,63}[A-Za-z](?:(?<=[Yy][Ee][Kk])[ ][A-Za-z-]{1,64})?)"""
)
"""name = ..., "name": ..., name => ..., and API key: ..."""
_OPTION: Final = re.compile(r"""[ \t]([A-Za-z][\w-]{3,63}?)--?(?![\w-])""")
"""--api-key ..., and -storepass ..."""
_FIRST: Final = re.compile(r""","\\?([\w-]{1,64})"b?[(\[]|,'\\?([\w-]{1,64})'b?[(\[]""")
"""("name", ..."""
_PAIRED: Final = re.compile(r"""([ \t]{0,16}b?(\\?["']))(?![a-z_]{1,64}\2)(?:(?!\2).){1,512}(?=\2[)\]])""")
"""The second of a pair; a small word is none ("missing ['api_key', 'model']")."""
_CLEARTEXT: Final = r"""[^\s"',;&`]"""
_SCHEME: Final = (
    rf"[A-Za-z][A-Za-z-]{{1,30}}(?=[ \t]{{1,16}}{_CLEARTEXT}{{16}})(?=[ \t]{{1,16}}{_CLEARTEXT}{{0,256}}\d)"
)
"""Splunk ..., GenieKey ...: a word before what looks like a key."""
_VALUE: Final = re.compile(
    r"""([ \t]{0,16}(?:[\w.]{1,64}\()?[bBrRuUfFN]{0,2}(\\{0,3}["']))(?:\\{3}["']|(?!\2)(?:\\[\s\S]|[^\\]))++"""
    r"""|([ \t]{0,16}`?)(?:\[[^\]]*+\]?"""  # a list
    r"""|(?i:digest|aws4-hmac-sha256|oauth|hawk)[ \t][^\r\n]++"""
    rf"""|{PRIVATE_KEY}|(?:(?:(?i:bearer|basic|token)|!!?\w{{1,16}}|{_SCHEME})[ \t]{{1,16}})?(?!\{{){_CLEARTEXT}++)"""
)
_NEXT_LINE: Final = re.compile(
    r"([ \t]{0,8}(?:[|>][+-]?[ \t]{0,8})?\r?\n[ \t]{1,32})"
    r"(?=[^\s:]{0,64}\d)(?=[^\s:]{0,64}[A-Za-z])[^\s:\"']{6,4096}+(?=\s|$)"
)
"""YAML's value in a line of its own."""
_REST_OF_LINE: Final = re.compile(r"""([ \t]{0,16})[^\r\n"']++""")
_SAYS_NOTHING: Final = re.compile(
    r"""[ \t]{0,16}(?:(?:true|false|none|null|undefined|nil|str|bytes|string|secretstr|must|should|cannot|is|was|has"""
    r"""|required|missing|invalid|expired|empty|optional|enabled|disabled|see|yes|no)(?![\w.+/=(@-])|\?(?!\S)|%\(?s"""
    r"""|\$\d(?!\w)|(?:getpass|input|prompt|click\.prompt|typer\.prompt)[.(]"""
    r"""|(?:os\.(?:environ|getenv)|settings|config|self|cfg|env|args|request|req|res|process\.env)[.\[(]"""
    r"""|(?:await[ ]|new[ ])?[a-z_]\w{0,32}(?:\.[A-Za-z_]\w{0,32}){1,4}\((?!\s{0,4}[bBrRuUfF]{0,2}["'])"""
    r"""|["'](?=[)\]}]{1,4}(?:[,;:\s]|$))"""
    r"""|[a-z_]\w{0,32}(?:\.\w{1,32}){0,4}\[\d|\.{3}(?!\S)"""
    r"""|["']?(?:\$\{|\*{3}|\{\{|<[\w |-]{0,64}>|your[_-][a-z_-]{1,48}(?![\w.+/=@-])"""
    r"""|(?-i:\$[A-Z][A-Z0-9_]{2,64})(?![^\s"',;)\]}])"""
    r"""|(?:[A-Za-z]:|~|\.{1,2})?[/\\][\w./\\ -]{1,256}"""
    r"""\.(?:pem|key|crt|cer|p12|pfx|jks|json|txt|ya?ml|pub)(?![\w./])))""",
    re.IGNORECASE,
)
"""A missing value, a type, prose ("password: must not be empty"), a place-holder, or where the secret is."""
_NUMBER: Final = re.compile(r"""[ \t]{0,16}["']?[-+]?\d{1,64}(?:\.\d{1,64})?["']?(?![\w.+/=:@-])""")
_PROSE: Final = {
    "cookie": r"[\w-]{1,64}=",
    "cookies": r"[\w-]{1,64}=",
    "token": rf"(?:!!?\w{{1,16}}[ ])?{_CLEARTEXT}{{8}}",
    "secret": rf"{_CLEARTEXT}{{8}}",
    **dict.fromkeys(
        ("pass", "auth", "authentication", "bearer", "credentials", "creds", "jwt", "secrets"),
        rf"(?={_CLEARTEXT}{{0,64}}\d)(?={_CLEARTEXT}{{0,64}}[A-Za-z]){_CLEARTEXT}{{7}}",
    ),
}
"""Words of prose, too ("unexpected token: }"), and how a value must look that follows one of them without quotes."""
_LONG: Final = r"""(?=[^\s"']{8})"""
_IN_PROSE: Final = {
    name: re.compile(rf"""[ \t]{{0,16}}(?:[bBrRuUfF]?\\{{0,3}}["']{_LONG if name == "token" else ""}|\[|{like})""")
    for name, like in _PROSE.items()
}
"""A short text in quotes under the name `token` is a model's word."""


@lru_cache(4096)
def _secret(name: str) -> str:
    """Return a name that was found backwards in normal form if it is a secret's, else nothing."""
    normal = normal_name(name[::-1]).strip("_")
    return normal if is_secret_name(normal) else ""


def _named(text: str) -> list[tuple[int, str, bool]]:
    """Return, first things first, where values of secret names may begin, with the name and whether it is a pair's."""
    backwards = text[::-1]
    found = list(_names(_NAMED, backwards)) if "=" in text or ":" in text else []
    if "--" in text or " -" in text:
        found += _names(_OPTION, backwards)
    if "'," in text or '",' in text:
        found += _names(_FIRST, backwards)
    return sorted(found)


def _names(pattern: re.Pattern[str], backwards: str) -> Iterator[tuple[int, str, bool]]:
    for match in pattern.finditer(backwards):
        if name := _secret(match[match.lastindex or 0]):
            yield len(backwards) - match.start(), name, pattern is _FIRST


_SAME: Final = re.compile(
    r"""[ \t]{0,16}(?:[\w.]{1,64}\(["'](?=\w{1,64}["']\)))?(?:\w{1,64}\.){0,4}(\w{1,64})(?![^\s,;)}\]"'])"""
)
"""password=password, self.token = token, password := form.get("password")"""


def _is_own_name(text: str, start: int, name: str) -> bool:
    """Return whether code hands a variable on under its own name."""
    same = _SAME.match(text, start)
    return same is not None and name.endswith(normal_name(same[1]).strip("_") or "?")


def _value(text: str, start: int, name: str, *, paired: bool) -> re.Match[str] | None:
    """Return the match of the secret at `start`; its first groups are what stays before it."""
    if paired:
        return _PAIRED.match(text, start)
    if (
        _SAYS_NOTHING.match(text, start)
        or _is_own_name(text, start, name)
        or (not holds_numbers(name) and _NUMBER.match(text, start))
    ):
        return None
    if below := _NEXT_LINE.match(text, start):
        return below
    if (prose := _IN_PROSE.get(name)) and not prose.match(text, start):
        return None
    quoted = _VALUE.match(text, start)
    if name.endswith(("cookie", "cookies")) and not (quoted and quoted[2]):
        return _REST_OF_LINE.match(text, start)
    return quoted


def _without_named(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for start, name, paired in _named(text):
        if start >= done and (match := _value(text, start, name, paired=paired)):
            kept = match[1] or (match[3] if match.re is _VALUE else "") or ""
            pieces += text[done:start], kept, REDACTED
            done = match.end()
    return "".join((*pieces, text[done:])) if pieces else text


def without_secrets(text: str) -> str:
    """Return `text` with everything that looks like a secret replaced, itself if nothing does.

    It takes time in proportion to the length of the text, whatever the text says.

    >>> without_secrets("postgres://me:hunter2@db/x refused; api_key='abc', Bearer 0123456789abcdef")
    "postgres://[redacted]@db/x refused; api_key='[redacted]', Bearer [redacted]"
    """
    found = text
    for _ in range(_ROUNDS):
        before, found = found, _once(found)
        if found == before:
            # Where two secrets touched, the second one begins a word only in the next round.
            return text if found == text else found
    return REDACTED


def _once(text: str) -> str:
    found = text
    if "=" in text or ":" in text or "," in text or " -" in text or "--" in text:
        found = _without_named(text)
    if "</" in found or "val" in found or "Val" in found or "VAL" in found:
        found = without_fields(found, REDACTED)
    for mark, pattern, instead in CONTEXTS:
        # A search is half the price of a substitution that finds nothing.
        if mark in found and pattern.search(found):
            found = pattern.sub(instead, found)
    if _LONG_WORD.search(found):
        found = MARKED.sub(REDACTED, found)
    return found
