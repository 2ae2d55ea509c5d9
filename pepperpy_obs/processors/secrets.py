"""What secrets look like in text: by the marks that issuers put on their keys, or by the name beside them.

The marks rarely hit a word by chance. What bears none (a bare password, a hex key) is only
found by its name, in code, JSON, headers, options of commands, queries and URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pepperpy_obs.processors.secret_names import holds_numbers, is_secret_name, normal_name

__all__ = ["REDACTED", "without_secrets"]

REDACTED: Final = "[redacted]"


def _marked(marks: str, rest: str) -> str:
    """Return a pattern of keys that begin with one of `marks`, which must not continue a word.

    Each mark stands before the look behind it, because `re` skips fast to a literal and only to that.
    """
    return "|".join(rf"{mark}(?<![A-Za-z0-9]{mark}){rest}" for mark in marks.split())


_PRIVATE_KEY: Final = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:[^-]|-(?!----END ))*(?:-----END [A-Z0-9 ]*-----)?"

_DASH: Final = "|".join((
    _marked("sk- pk- rk-", r"[\w-]{16,}"),  # OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse
    _marked("glpat- xai- pplx- pypi- tvly- nvapi- GOCSPX-", r"[\w-]{16,}"),
    _marked("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", r"[\w-]{10,}"),  # Slack
))  # fmt: skip
_UNDERSCORE: Final = "|".join((
    _marked("sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_", r"[A-Za-z0-9]{10,}"),  # Stripe
    _marked("ghp_ gho_ ghs_ ghu_ ghr_ github_pat_", r"\w{20,}"),
    _marked("hf_ gsk_ npm_ r8_ lsv2_ dop_v1_", r"\w{20,}"),  # Hugging Face, Groq, npm, Replicate, LangSmith
))  # fmt: skip
_OTHER: Final = "|".join((
    _marked("AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}"),  # AWS
    _marked("AIza", r"[\w-]{30,}"),  # Google
    _marked(r"ya29\.", r"[\w-]{20,}"),
    _marked("dapi", r"[0-9a-f]{32}"),  # Databricks
    _marked(r"SG\.", r"[\w-]{16,}\.[\w-]{16,}"),  # SendGrid
    r"eyJ(?<![\w-]eyJ)[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?",  # JSON web tokens
))  # fmt: skip

_FAMILIES: Final = tuple(
    (mark, re.compile(pattern), rf"\g<1>{REDACTED}" if pattern.startswith("(") else REDACTED)
    for mark, pattern in (
        ("-----BEGIN", _PRIVATE_KEY),
        # A password in a URL, with its user; what looks like a port and a path is none. A long user alone is a token.
        ("://", r"""(://)[^\s:/@"'?#]*:(?:[^\s/"']*(?=@)|(?!\d*[/?#])[^\s"'@]*(?=@))"""),
        ("://", r"""(://)(?=[^\s:/@"'?#]*\d)[^\s:/@"'?#]{16,}(?=@)"""),
        ("-u", r"""((?:^|\s)-u[ \t]+[^\s:"']+:)[^\s"']+"""),  # curl -u user:password
        ("sig=", r"""([?&]sig=)[^\s"'&]+"""),  # a signed URL of Azure's
        ("earer ", r"""([Bb]earer +)(?=[^\s"',;]*\d)[^\s"',;]{16,}"""),
        ("-", _DASH),
        ("_", _UNDERSCORE),
        ("", _OTHER),
    )
)
"""What a text must hold to be searched, what to search for, and what to put in its place."""


# Texts are read backwards, from the sign behind a name to the name: signs are rare, words are everywhere.
_NAMED: Final = re.compile(
    r"""[=:>](?:(?<=>)=|(?<=[=:])[=:]?)[ \t]*["']?\\{0,3}([\w-]*[A-Za-z](?:(?<=[Yy][Ee][Kk])[ ][A-Za-z]+)?)"""
)
"""name = ..., "name": ..., name => ..., and API key: ..."""
_OPTION: Final = re.compile(r"""[ \t]+([A-Za-z][\w-]*)--(?!\w)""")
_FIRST: Final = re.compile(r""","\\?([\w-]+)"b?[(\[]|,'\\?([\w-]+)'b?[(\[]""")
"""("name", ..."""
_ELEMENT: Final = re.compile(r"<([\w.:-]+)(?:\s[^<>]*)?>(?P<text>[^<>]+)(?=</\1\s*>)")
_PAIRED: Final = re.compile(r"""([ \t]*b?(\\?["']))(?![a-z_]+\2)(?:(?!\2).)+(?=\2[)\]])""")
"""The second of a pair; a small word is none ("missing ['api_key', 'model']")."""
_CLEARTEXT: Final = r"""[^\s"',;&]"""
_VALUE: Final = re.compile(
    r"""([ \t]*(?:[\w.]+\()?[bBrRuUfF]{0,2}(\\{0,3}["']))(?:\\{3}["']|(?!\2)(?:\\[\s\S]|[^\\]))+"""  # quoted
    r"""|([ \t]*)(?:\[[^\]]*\]?"""  # a list
    r"""|(?i:digest|aws4-hmac-sha256|oauth|hawk)[ \t][^\r\n]+"""
    rf"""|{_PRIVATE_KEY}|(?:(?i:bearer|basic|token)[ \t]+)?(?!\{{){_CLEARTEXT}+)"""
)
_REST_OF_LINE: Final = re.compile(r"""([ \t]*)[^\r\n"']+""")
_SAYS_NOTHING: Final = re.compile(r"""[ \t]*(?:true|false|none|null)(?![\w.+/=-])""", re.IGNORECASE)
_NUMBER: Final = re.compile(r"""[ \t]*["']?[-+]?\d+(?:\.\d+)?["']?(?![\w.+/=-])""")
_PROSE: Final = {
    "cookie": r"[\w-]+=",
    "cookies": r"[\w-]+=",
    "token": rf"{_CLEARTEXT}{{8}}",
    "secret": rf"{_CLEARTEXT}{{8}}",
    **dict.fromkeys(
        ("pass", "auth", "authentication", "bearer", "credentials", "creds", "jwt", "otp", "secrets"),
        rf"(?={_CLEARTEXT}*\d)(?={_CLEARTEXT}*[A-Za-z]){_CLEARTEXT}{{7}}",
    ),
}
"""Words of prose, too ("unexpected token: }"), and how a value must look that follows one of them without quotes."""
_IN_PROSE: Final = {
    name: re.compile(rf"""[ \t]*(?:[bBrRuUfF]?\\{{0,3}}["']|\[|{like})""") for name, like in _PROSE.items()
}


@lru_cache(4096)
def _secret(name: str) -> str:
    """Return a name that was found backwards in normal form if it is a secret's, else nothing."""
    normal = normal_name(name[::-1]).strip("_")
    return normal if is_secret_name(normal) else ""


def _named(text: str) -> list[tuple[int, str, bool]]:
    """Return, first things first, where values of secret names may begin, with the name and whether it is a pair's."""
    backwards = text[::-1]
    found = list(_names(_NAMED, backwards)) if "=" in text or ":" in text else []
    if "--" in text:
        found += _names(_OPTION, backwards)
    if "'," in text or '",' in text:
        found += _names(_FIRST, backwards)
    return sorted(found)


def _names(pattern: re.Pattern[str], backwards: str) -> Iterator[tuple[int, str, bool]]:
    for match in pattern.finditer(backwards):
        if name := _secret(match[match.lastindex or 0]):
            yield len(backwards) - match.start(), name, pattern is _FIRST


def _value(text: str, start: int, name: str, *, paired: bool) -> re.Match[str] | None:
    """Return the match of the secret at `start`; its first groups are what stays before it."""
    if paired:
        return _PAIRED.match(text, start)
    if _SAYS_NOTHING.match(text, start) or (not holds_numbers(name) and _NUMBER.match(text, start)):
        return None
    if (prose := _IN_PROSE.get(name)) and not prose.match(text, start):
        return None
    quoted = _VALUE.match(text, start)
    if name.endswith(("cookie", "cookies")) and not (quoted and quoted[2]):
        return _REST_OF_LINE.match(text, start)
    return quoted


def _emptied(element: re.Match[str]) -> str:
    if not is_secret_name(normal_name(element[1])):
        return element[0]
    return element[0].removesuffix(element["text"]) + REDACTED


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

    >>> without_secrets("postgres://me:hunter2@db/x refused; api_key='abc', Bearer 0123456789abcdef")
    "postgres://[redacted]@db/x refused; api_key='[redacted]', Bearer [redacted]"
    """
    found = text
    if "=" in text or ":" in text or "," in text or "--" in text:
        found = _without_named(text)
    if "</" in found:
        found = _ELEMENT.sub(_emptied, found)
    for mark, pattern, instead in _FAMILIES:
        # A search is half the price of a substitution that finds nothing.
        if mark in found and pattern.search(found):
            found = pattern.sub(instead, found)
    # Where two secrets touched, the second one begins a word only now.
    return text if found == text else without_secrets(found)
