"""What secrets look like: as text, and as names of fields.

The patterns ask for the marks that issuers put on their keys, so they rarely hit a word by
chance. What bears no mark (a bare password, a hex key) is only found by the name beside it.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["REDACTED", "is_secret_name", "normal_name", "without_secrets"]

REDACTED: Final = "[redacted]"


def _marked(marks: str, rest: str) -> str:
    """Return a pattern of keys that begin with one of `marks`, which must not continue a word.

    Each mark stands before the look behind it, because `re` skips fast to a literal and only to that.
    """
    return "|".join(rf"{mark}(?<![A-Za-z0-9]{mark}){rest}" for mark in marks.split())


def _spelt(words: str) -> str:
    """Return a pattern of the words in the cases that people write: many times as fast as `re.IGNORECASE`.

    A word with a "+" is made of two, which may be written with a dash, an underscore or nothing between.
    """
    spelt: dict[str, set[str]] = {}
    for word in words.split():
        first, _, last = word.partition("+")
        for case in {first + gap + last for gap in ("", "_", "-")} | {first + last.capitalize()} if last else {first}:
            for written in (case, case[0].upper() + case[1:], case.upper()):
                spelt.setdefault(written[0], set()).add(written[1:])
    return "|".join(f"{first}(?:{'|'.join(sorted(rest))})" for first, rest in sorted(spelt.items()))


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

_SCHEME: Final = rf"(?:(?:{_spelt('bearer basic digest token')})[ \t]+)?"
_ASSIGNED: Final = r"""\\?["']?[ \t]*[:=][ \t]*(?P<quote>\\?["'])?)"""
_VALUE: Final = rf"""(?(quote)(?:(?!(?P=quote))[\s\S])+|(?:{_PRIVATE_KEY}|{_SCHEME}[^\s"',;&]+))"""
_NAMES: Final = _spelt("password passwd passphrase pwd authorization api+key access+key private+key account+key")
_NAMED: Final = rf"((?:{_NAMES}){_ASSIGNED}{_VALUE}"
# Words of prose, too ("unexpected token: }"): what follows must be long enough.
_NAMED_IN_PROSE: Final = rf"""((?:{_spelt("secret token")}){_ASSIGNED}(?=[^\s"',;&]{{8}}){_VALUE}"""

_FAMILIES: Final = tuple(
    (mark, re.compile(pattern), rf"\g<1>{REDACTED}" if pattern.startswith("(") else REDACTED)
    for mark, pattern in (
        ("-----BEGIN", _PRIVATE_KEY),
        ("=", _NAMED),
        (":", _NAMED),
        ("=", _NAMED_IN_PROSE),
        (":", _NAMED_IN_PROSE),
        ("://", r"""(://)[^\s:/@"']*:[^\s/"']*(?=@)"""),  # a password in a URL, with its user
        ("earer ", r"""([Bb]earer +)(?=[^\s"',;]*\d)[^\s"',;]{16,}"""),
        ("-", _DASH),
        ("_", _UNDERSCORE),
        ("", _OTHER),
    )
)
"""What a text must hold to be searched, what to search for, and what to put in its place."""


def without_secrets(text: str) -> str:
    """Return `text` with everything that looks like a secret replaced, itself if nothing does.

    >>> without_secrets("postgres://me:hunter2@db/x refused; api_key='abc', Bearer 0123456789abcdef")
    "postgres://[redacted]@db/x refused; api_key='[redacted]', Bearer [redacted]"
    """
    found = text
    for mark, pattern, instead in _FAMILIES:
        # A search is half the price of a substitution that finds nothing.
        if mark in found and pattern.search(found):
            found = pattern.sub(instead, found)
    # Where two secrets touched, the second one begins a word only now.
    return text if found == text else without_secrets(found)


_SECRET_NAME: Final = re.compile(
    r"passw(?:or)?d|passphrase|passcode|(?:^|_)pwd|(?:^|_)secrets?(?:_|$)|api_?key"
    r"|(?:access|secret|private|account|signing|encryption)_?key"
    r"|(?:^|_)(?:authorization|auth|token|jwt|bearer|cookies?|credentials?)$"
)


def normal_name(name: str) -> str:
    """Return a field's name in small letters and underscores.

    >>> normal_name("X-Api-Key"), normal_name("accessToken")
    ('x_api_key', 'access_token')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. /:]+", "_", name).lower()


def is_secret_name(name: str) -> bool:
    """Return whether a field of this name, in normal form, holds a secret.

    >>> is_secret_name("access_token"), is_secret_name("max_tokens"), is_secret_name("secretary")
    (True, False, False)
    """
    return _SECRET_NAME.search(name) is not None
