"""Secrets whose name stands in a field of its own: `{"name": "API_KEY", "value": ...}`, XML, errors of pydantic.

Every pattern begins at a word that is rare, and reads a bounded stretch from there, to a quote or a line's end.
"""

from __future__ import annotations

import re
from typing import Final

from pepperpy_obs.sanitize.secret_names import is_secret_name, normal_name

__all__ = ["without_fields"]

_QUOTE: Final = r"""\\{0,3}["']"""
_IS: Final = rf"(?:{_QUOTE})?\s{{0,4}}[:=]\s{{0,4}}"
_NAME: Final = rf"\b(?i:name|key|header|field){_IS}(?:{_QUOTE})?(?P<name>[\w.-]{{1,64}})(?:{_QUOTE})?"
_VALUE: Final = rf"(?:{_QUOTE})?(?i:values?|val){_IS}"
_NEXT: Final = r"(?:[,;]\s{0,32}|\s{1,32})"
_TEXT: Final = r"(?P<text>(?:(?!(?P=quote))[^\r\n]){1,4096}+)"

_PATTERNS: Final = (
    # Kubernetes, ECS, Postman, XML's attributes; the value comes second as a rule.
    ("", rf"(?P<kept>{_NAME}{_NEXT}{_VALUE}(?P<quote>{_QUOTE})){_TEXT}"),
    ("", rf"""(?P<kept>{_NAME}{_NEXT}{_VALUE})(?P<text>[^\s"',;\\{{}}<>]{{1,4096}}+)"""),
    ("", rf"(?P<kept>\b(?i:values?|val){_IS}(?P<quote>{_QUOTE})){_TEXT}(?=(?P=quote){_NEXT}(?:{_QUOTE})?{_NAME})"),
    ("</", r"(?P<kept><(?P<name>[\w.:-]{1,64})(?:\s[^<>]{0,256})?>)(?P<text>[^<>]{1,4096})(?=</(?P=name)\s{0,8}>)"),
    ("</", rf"(?P<kept><[\w.:-]{{1,64}}\s(?:[^<>]{{0,128}}\s)?{_NAME}[^<>]{{0,128}}>)(?P<text>[^<>]{{1,4096}})(?=</)"),
    (
        "input_value=",
        (
            r"(?P<kept>^(?P<name>[\w.-]{1,128})\r?\n[^\r\n]{0,512}?\binput_value=)"
            r"(?P<text>(?:(?!,[ ]input_type=)[^\r\n]){1,4096}+)"
        ),
    ),
)
_SEARCHED: Final = tuple((mark, re.compile(pattern, re.MULTILINE)) for mark, pattern in _PATTERNS)


def without_fields(text: str, instead: str) -> str:
    """Return `text` with `instead` in place of each value whose field has the name of a secret.

    >>> without_fields('{"name": "DB_PASSWORD", "value": "hunter2"}', "***")
    '{"name": "DB_PASSWORD", "value": "***"}'
    """

    def change(found: re.Match[str]) -> str:
        return f"{found['kept']}{instead}" if is_secret_name(normal_name(found["name"])) else found[0]

    for mark, pattern in _SEARCHED:
        if mark in text:
            text = pattern.sub(change, text)
    return text
