"""Places where a secret stands without a name that an equals sign or a colon follows: addresses, commands, sentences.

Each row has a literal that the text must hold to be searched, so that most texts cost a look only. Repeats are
bounded, or possessive over signs that end them.
"""

from __future__ import annotations

import re
from typing import Final

from pepperpy_obs.sanitize.secret_marks import PRIVATE_KEY, WEBHOOK

__all__ = ["CONTEXTS"]

_REST: Final = r"""[^|;&\r\n]{0,256}?"""
"""What may stand between the name of a command and its option."""
_MIXED: Final = r"""(?=[^\s"']{0,64}\d)(?=[^\s"']{0,64}[A-Za-z])"""
"""What follows has a digit and a letter, as passwords have and words have not."""
_KNOWN_WORD: Final = r"(?!(?:base|sha|md|utf|aes|rsa|hs|rs|es|v|http|oauth|rfc)[-_]?\d{1,4}(?![A-Za-z0-9]))"
_SPACE: Final = r"[ \t]{1,8}"
_VALUE: Final = r"""["']?[^\s"']{1,512}"""
_SUBJECT: Final = (
    r"(?i:pass(?:word|wd|code|phrase)|pwd|secret(?:[ _-]access)?(?:[ _-]key)?|api[ _-]?key|access[ _-]key"
    r"|(?:auth|access|api|bearer|refresh|session|bot)[ _-]token|token|credentials?)"
)


def _command(names: str, option: str) -> str:
    """Return a pattern of a command's option, up to its value; one for all shells."""
    return rf"(\b(?:{names})\b{_REST}\s(?:{option}))"


_IN_URL: Final = (
    # A password with its user; what looks like a port and a path is none. A long user alone is a token.
    (
        r"""(://)[^\s:/@"'?#]{0,256}:(?:[^\s/"'@]{0,256}(?:@[^\s/"'@]{0,256}){0,3}(?=@)"""
        r"""|(?!\d{0,8}[/?#])[^\s"'@]{0,512}(?=@))"""
    ),
    r"""(://)(?=[^\s:/@"'?#]{0,256}\d)[^\s:/@"'?#]{16,256}(?=@)""",
)
_IN_QUERY: Final = (
    r"""([?&](?:sig|signature|key|code|auth|pwd|pass|hmac|x-goog-signature|subscription-key)=)"""
    r"""(?=[^\s"'&]{0,256}\d)(?=[^\s"'&]{0,256}[A-Za-z])[^\s"'&]{10,1024}"""
)
_BASIC: Final = (
    r"([Bb]asic {1,8})(?=[A-Za-z0-9+/]{0,256}[0-9=+/])"
    r"(?:[A-Za-z0-9+/]{16,1024}={0,2}|[A-Za-z0-9+/]{6,15}={1,2})(?![\w-])"
)
_LOGIN: Final = (
    r"""((?:^|\s)(?:-u|--user|--proxy-user|-a|--auth)[ =][ \t]{0,8}["']?[^\s:"'/-][^\s:"'/]{0,128}:)"""
    r"""(?!\d{1,5}(?:\s|$)|//)[^\s"']{1,512}"""
)
_NAME: Final = r"[\w.:/-]{0,64}(?i:passw(?:or)?d|secret|token|api_?key|access_?key|private_?key)(?![sS])\w{0,16}"
_SET: Final = rf"(\b(?:setx|ENV|ARG|(?:configure|config)(?:[ ]--\w{{1,16}}|[ ]set)){_SPACE}{_NAME}{_SPACE})"
"""setx API_KEY ..., ENV API_KEY ..., npm config set //host/:_authToken ..."""
_DEFAULT: Final = (
    rf"""(\bvariable\s{{1,8}}"{_NAME}"\s{{0,8}}\{{[^{{}}]{{0,512}}?\bdefault\s{{0,16}}=\s{{0,8}}")[^"]{{1,512}}"""
)
_SQL: Final = (
    r"((?i:identified\s{1,4}(?:with\s{1,4}\S{1,64}\s{1,4})?(?:by|as)\s{1,4}(?:password\s{1,4})?)[\"'])"
    r"[^\"']{1,512}(?=[\"'])"
)
_LOGIN_PAIR: Final = (
    r"""((?i:auth|credentials?)[ ]?[=:]?[ ]?[(\[][ ]?["'][^"'\s]{1,128}["'],\s{0,4}["'])"""
    r"""[^"'\s]{3,256}(?=["'][ ]?[)\]])"""
)
"""auth=("me", ...), HTTPBasicAuth("me", ...)"""
_PUTTY: Final = r"(Private-Lines: \d{1,4})(?:\r?\n[A-Za-z0-9+/=]{1,80})++"
_BARE_TOKEN: Final = (
    rf"(\b(?i:(?:auth|access|api|bearer|refresh|bot)[ _-](?:token|key))[ ]){_MIXED}[A-Za-z0-9_+/=-]{{16,512}}"
)
_MYSQL: Final = r"mysql(?:dump|admin|import|show|check|sh|pump)?|mariadb(?:-dump|-admin)?|mycli"
_REGISTRIES: Final = (
    r"(?:docker|podman|buildah|skopeo|helm|oc|az|nerdctl|crane|gh|npm|vault)\s{1,8}(?:registry\s{1,8})?login"
)
_MONGO: Final = r"mongo(?:sh|dump|restore|export|import|stat|top)?"
_LDAP: Final = r"ldap(?:search|add|modify|delete|passwd|whoami)"
_PGPASS: Final = (
    r"""((?:^|[\s"'])(?![0-9a-fA-F]{1,4}:)[\w.*-]{1,128}:(?:\d{4,5}|\*):[\w*-]{1,64}:[\w.*-]{1,64}:)"""
    r"""(?=[^\s:"']{0,256}[\dA-Z])[^\s:"']{3,256}"""
)
_IS_MIXED: Final = (
    rf"(\b{_SUBJECT}(?:[ ](?:for|of|to|on)[ ]\S{{1,64}}(?:[ ]\S{{1,32}})?)?[ ](?:is|was|are|=|->)[ ]?:?[ ]?[\"'`]?)"
    rf"{_KNOWN_WORD}{_MIXED}[^\s\"'`,;)]{{4,512}}(?<![.!?])"
)
"""password is hunter2"""
_IS_QUOTED: Final = (
    rf"(\b{_SUBJECT}[ ](?:is|was|=|->)[ ]?:?[ ]?([\"'`]))"
    r"(?!(?:undefined|null|none|missing|invalid|expired|true|false)\2)[^\s\"'`]{4,512}(?=\2)"
)
"""password is 'secret'"""
_WITH: Final = (
    rf"(\b(?i:pass(?:word|wd|code|phrase))[ ](?:of[ ])?[\"'`]?)"
    rf"{_KNOWN_WORD}{_MIXED}[^\s\"'`,;):=]{{6,512}}(?<![.!?])"
)
"""with password hunter2"""
_WITH_QUOTED: Final = (
    rf"(\b(?i:pass(?:word|wd|code|phrase))[ ](?:of[ ])?([\"'`]))(?!{_SUBJECT})[^\s\"'`]{{4,512}}(?=\2)"
)
_CODE: Final = (
    r"(\b(?i:(?:one[- ]time|verification|security|login|access|recovery|backup|2fa|mfa|otp|sms)[ ](?:pass)?code"
    r"|otp|pin)[ ]?(?:is|was|=|:)[ ]?:?[ ]?)\d[\d -]{3,10}(?!\w)"
)

_ROWS: Final[tuple[tuple[str, str], ...]] = (
    ("-----BEGIN", PRIVATE_KEY),
    *(("://", pattern) for pattern in _IN_URL),
    # Queries: signed URLs, keys of maps and of functions.
    ("=", _IN_QUERY),
    ("sig=", r"""([?&]sig=)[^\s"'&]{1,1024}"""),
    ("%3", r"""((?i:password|passwd|pwd|secret|token|api_?key)%3[ADad](?:%20)?)[^\s"'&%]{1,512}"""),
    ("&quot;", r"((?i:password|passwd|secret|token|api_?key)&quot;:[ ]?&quot;)[^&\s]{1,512}"),
    # Headers.
    ("earer ", r"""([Bb]earer {1,8})(?=[^\s"',;]{0,512}\d)[^\s"',;]{16,4096}"""),
    ("asic ", _BASIC),
    # Commands.
    ("-", _LOGIN),
    ("-p", _command(_MYSQL, r"-p(?![\s=])") + _VALUE),
    ("sshpass", rf"(\bsshpass{_SPACE}(?:-v{_SPACE})?-p[ \t]{{0,8}}){_VALUE}"),
    ("login", _command(_REGISTRIES, "-[pP]") + _SPACE + _VALUE),
    ("mongo", _command(_MONGO, "-p") + _SPACE + _VALUE),
    ("sql", _command("sqlcmd|osql|bcp|snowsql|cqlsh|tsql", "-[pP]") + rf"[ \t]{{0,8}}(?!\d{{1,5}}\s){_VALUE}"),
    ("sqlplus", r"""(\bsqlplus\b[^|;&\r\n]{0,64}?\s[\w.]{1,64}/)[^\s@"']{1,256}"""),
    ("redis-cli", _command("redis-cli", "-a|--pass") + _SPACE + _VALUE),
    ("ldap", _command(_LDAP, "-w") + _SPACE + _VALUE),
    ("zip", _command("unzip|zip", "-P") + rf"[ \t]{{0,8}}{_VALUE}"),
    ("7z", _command("7z[ar]?", r"-p(?!\s)") + _VALUE),
    ("twine", _command("twine", "-p") + _SPACE + _VALUE),
    ("%", rf"(\s-U{_SPACE}[^\s%]{{1,128}}%)[^\s\"']{{1,256}}"),  # smbclient
    ("-pass", rf"(\s-pass(?:in|out)?{_SPACE}pass:)[^\s\"']{{1,512}}"),  # openssl
    ("set", _SET + _VALUE),
    ("ENV ", _SET + _VALUE),
    ("ARG ", _SET + _VALUE),
    ("config ", _SET + _VALUE),
    ("http-basic.", rf"(\bhttp-basic\.\S{{1,128}}{_SPACE}\S{{1,64}}{_SPACE}){_VALUE}"),  # composer
    ("/user:", rf"(\bnet use\b{_REST}\s/user:\S{{1,64}}{_SPACE}){_VALUE}"),
    ("requirepass", rf"(\brequirepass{_SPACE}){_VALUE}"),
    ("masterauth", rf"(\bmasterauth{_SPACE}){_VALUE}"),
    ("jdbc:oracle", r"""(jdbc:oracle:\w{1,16}:[\w.$]{1,64}/)[^\s@"']{1,256}(?=@)"""),
    # Code and its files.
    ("variable ", _DEFAULT),
    ("IDENTIFIED ", _SQL),
    ("identified ", _SQL),
    ("uth", _LOGIN_PAIR),
    ("redentials", _LOGIN_PAIR),
    ("Private-Lines", _PUTTY),
    # Files: .netrc and .pgpass.
    ("password", r"(\blogin\s{1,8}\S{1,128}\s{1,8}password\s{1,8})\S{1,512}"),
    (":", _PGPASS),
    # Sentences.
    *((" ", pattern) for pattern in (_IS_MIXED, _IS_QUOTED, _WITH, _WITH_QUOTED, _BARE_TOKEN, _CODE)),
)

CONTEXTS: Final = (
    *((mark, re.compile(pattern), r"\g<1>[redacted]" if pattern.startswith("(") else "[redacted]")
      for mark, pattern in _ROWS),
    ("/", WEBHOOK, r"\g<1>[redacted]"),
)  # fmt: skip
"""What a text must hold to be searched, what to search for, and what to put in its place."""
