"""Places where a secret stands without a name that an equals sign or a colon follows: addresses, code, sentences.

Each row has a literal that the text must hold to be searched, so that most texts cost a look only. Repeats are
bounded, or possessive over signs that end them.
"""

from __future__ import annotations

import re
from typing import Final

from pepperpy_obs.sanitize.secret_commands import COMMANDS
from pepperpy_obs.sanitize.secret_marks import PRIVATE_KEY, WEBHOOK

__all__ = ["CONTEXTS"]

_MIXED: Final = r"""(?=[^\s"']{0,64}\d)(?=[^\s"']{0,64}[A-Za-z])"""
"""What follows has a digit and a letter, as passwords have and words have not."""
_KNOWN_WORD: Final = r"(?!(?:base|sha|md|utf|aes|rsa|hs|rs|es|v|http|oauth|rfc)[-_]?\d{1,4}(?![A-Za-z0-9]))"
_NO_CALL: Final = r"(?!\w{1,32}(?:\.\w{1,32}){0,4}[(\[])"
_SUBJECT: Final = (
    r"(?i:pass(?:word|wd|code|phrase)|pwd|pw|(?:admin|root|user|login|db)[ ]pass"
    r"|secret(?:[ _-]access)?(?:[ _-]key)?|api[ _-]?key|access[ _-]key"
    r"|(?:auth|access|api|bearer|refresh|session|bot)[ _-]token|token|credentials?)"
)


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
_NAME: Final = r"[\w.:/-]{0,64}(?i:passw(?:or)?d|secret|token|api_?key|access_?key|private_?key)(?![sS])\w{0,16}"
_DEFAULT: Final = (
    rf"""(\bvariable\s{{1,8}}"{_NAME}"\s{{0,8}}\{{[^{{}}]{{0,512}}?\bdefault\s{{0,16}}=\s{{0,8}}")[^"]{{1,512}}"""
)
_SQL: Final = (
    r"((?i:identified\s{1,4}(?:with\s{1,4}\S{1,64}\s{1,4})?(?:by|as)\s{1,4}(?:password\s{1,4})?)[\"'])"
    r"[^\"']{1,512}(?=[\"'])"
)
_INSERTED: Final = (
    r"""(\([^()]{0,512}(?i:passw|pwd|secret|token|api_key)[^()]{0,256}\)\s{0,8}(?i:values)\s{0,8}\()"""
    r"""(?=[^()"']{0,512}["'])[^()]{1,1024}"""
)
"""INSERT INTO users (name, password) VALUES (...)"""
_CLIENTS: Final = ("Client", "Bot", "OpenAI", "API", "SDK", "Github", "Gitlab", "Fernet")
"""openai.OpenAI('...'), cohere.Client('...')"""
_OTHER_KEYS: Final = r"(?!\w{0,48}(?:PUBLIC|PRIMARY|FOREIGN|CACHE|SORT|OBJECT|ROUTING|PARTITION|IDEMPOTENCY)_)"
_LOGIN_PAIR: Final = (
    r"""((?i:auth|credentials?)[ ]?[=:]?[ ]?[(\[][ ]?["'][^"'\s]{1,128}["'],\s{0,4}["'])"""
    r"""[^"'\s]{3,256}(?=["'][ ]?[)\]])"""
)
"""auth=("me", ...), HTTPBasicAuth("me", ...)"""
_PUTTY: Final = r"(Private-Lines: \d{1,4})(?:\r?\n[A-Za-z0-9+/=]{1,80})++"
_BARE_TOKEN: Final = (
    rf"(\b(?i:token|secret|credential|(?:api|shared|activation|recovery|licen[cs]e|encryption|master)[ _-]?key)s?"
    rf"(?:[ ](?:not|in)?valid:?|[ ]from)?[ ][\"'`(]{{0,2}}){_MIXED}[A-Za-z0-9_+/=-]{{20,512}}"
)
_BARE_KEY: Final = (
    rf"(\b(?i:(?:auth|access|api|bearer|refresh|bot|private|secret|signing|invalid|bad|expired|wrong|revoked)[ _-]"
    rf"(?:token|key))[ ]){_MIXED}[A-Za-z0-9_+/=-]{{16,512}}"
)
_PGPASS: Final = (
    r"""((?:^|[\s"'])(?![0-9a-fA-F]{1,4}:)[\w.*-]{1,128}:(?:\d{4,5}|\*):[\w*-]{1,64}:[\w.*-]{1,64}:)"""
    r"""(?=[^\s:"']{0,256}[\dA-Z])[^\s:"']{3,256}"""
)
_IS: Final = r"(?:(?:is|was|are)(?:[ ](?:now|currently|still|set[ ]to))?|=|->|(?:provided|given|supplied|used)(?=:))"
_IS_MIXED: Final = (
    rf"(\b{_SUBJECT}(?:[ ](?:for|of|to|on)[ ]\S{{1,64}}(?:[ ]\S{{1,32}})?)?[ ]{_IS}[ ]?:?[ ]?[\"'`]?)"
    rf"{_KNOWN_WORD}{_NO_CALL}{_MIXED}[^\s\"'`,;)]{{4,512}}(?<![.!?])"
)
"""password is hunter2"""
_IS_QUOTED: Final = (
    rf"(\b{_SUBJECT}[ ](?:is|was|=|->)[ ]?:?[ ]?([\"'`]))"
    r"(?!(?:undefined|null|none|missing|invalid|expired|true|false)\2)[^\s\"'`]{4,512}(?=\2)"
)
"""password is 'secret'"""
_WITH: Final = (
    rf"(\b(?i:pass(?:word|wd|code|phrase))[ ](?:(?:of|to)[ ]|for[ ](?:\S{{1,64}}[ ]){{0,2}}\S{{1,64}}:[ ])?[\"'`]?)"
    rf"{_KNOWN_WORD}{_MIXED}[^\s\"'`,;):=]{{6,512}}(?<![.!?])"
)
"""with password hunter2"""
_ABOUT: Final = (
    rf"(\b(?i:pass(?:word|wd|code|phrase)?|pwd|pw)(?:[ ]for(?:[ ]\w{{1,32}}){{1,3}}?|[ ]\([^()\r\n]{{1,48}}\)"
    rf"|[ ]changed[ ]from)(?:[ ]is)?:?[ ][\"'`]?){_KNOWN_WORD}{_NO_CALL}{_MIXED}[^\s\"'`,;]{{6,512}}(?<![.!?:])"
)
"""pass for the vpn is hunter2, password (from the vault): hunter2"""
_WITH_QUOTED: Final = (
    rf"(\b(?i:pass(?:word|wd|code|phrase))[ ](?:of[ ])?([\"'`]))(?!{_SUBJECT})[^\s\"'`]{{4,512}}(?=\2)"
)
_LOGIN_WITH: Final = (
    rf"(\b(?:[Ll]og[ ]?in|[Cc]red(?:ential)?s?)(?:[ ](?:with|as|using|are|->))?:?[ ][\w.@-]{{1,64}}(?:[ ]/[ ]|:"
    rf"|(?<!\d)/))"
    rf"{_MIXED}[^\s\"'/:,;]{{6,128}}(?![/:\w])"
)
"""log in with me / hunter2"""
_ABROAD: Final = (
    r"""((?i:mot[ ]de[ ]passe|пароль|密[码碼]|パスワード|비밀번호|contraseña|hasło)[ ]?"""
    rf"""(?:[:=\uff1a]|est|es|это|是|は|to)[ ]?[:\uff1a]?[ ]?["'«「]?){_MIXED}[^\s"'»」]{{4,512}}"""
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
    (
        "; ",
        r"""((?:^|[\s;])[\w.-]{0,32}sid=)[\w%.+/=-]{16,512}(?=;[ ](?i:path|http|secure|domain|expires|max-age|same))""",
    ),
    ("appid=", r"([?&]appid=)(?=[A-Za-z-]{0,64}[0-9])[A-Za-z0-9-]{24,128}(?![\w-])"),
    ("sig=", r"""([?&]sig=)[^\s"'&]{1,1024}"""),
    ("%3", r"""((?i:password|passwd|pwd|secret|token|api_?key)%3[ADad](?:%20)?)[^\s"'&%]{1,512}"""),
    ("u003", r"""((?i:password|passwd|pwd|secret|token|api_?key)\\{1,2}u003[ADad])[^\s"'&%\\]{1,512}"""),
    ("&quot;", r"((?i:password|passwd|secret|token|api_?key)&quot;:[ ]?&quot;)[^&\s]{1,512}"),
    # Headers.
    ("earer ", r"""([Bb]earer {1,8})(?=[^\s"',;]{0,512}\d)[^\s"',;]{16,4096}"""),
    ("asic ", _BASIC),
    # Code and its files.
    ("variable ", _DEFAULT),
    ("IDENTIFIED ", _SQL),
    ("identified ", _SQL),
    *((mark, _INSERTED) for mark in ("VALUES", "values")),
    (".login(", r"""(\.login\(\s{0,8}["'][^"']{1,128}["'],\s{0,8}["'])[^"']{3,256}(?=["'])"""),
    *((f"@{net}(", rf"""(\b[\w.-]{{1,64}}:)[^\s"'@/]{{1,256}}(?=@{net}\()""") for net in ("tcp", "unix")),
    *(
        (
            f"_{kind}",
            rf"""(\b{_OTHER_KEYS}[A-Z][A-Z0-9_]{{0,62}}_{kind}["']?[ ]?[=:][ ]?["']?){_MIXED}[\w+/=-]{{20,512}}""",
        )
        for kind in ("KEY", "PAT")
    ),
    ("jwt.", r"""(\bjwt\.(?:en|de)code\([^()"']{1,128},\s{0,8}b?["'])[^"']{6,512}(?=["'])"""),
    ("hmac.", r"""(\bhmac\.(?:new|digest)\(\s{0,8}b?["'])[^"']{6,512}(?=["'])"""),
    (
        "@",
        r"""((?:^|[\s"'/])[\w.-]{1,64}:)(?=[^\s"'@]{0,64}[A-Za-z])[^\s"'@/]{3,128}(?=@\d{1,3}(?:\.\d{1,3}){3}(?!\d))""",
    ),
    ("phrase", r"""((?i:seed|recovery|mnemonic)[ _-]?phrase["']?[ ]?(?:[:=]|is)[ ]?["']?)[^"'\r\n]{8,512}"""),
    ("uth", _LOGIN_PAIR),
    ("redentials", _LOGIN_PAIR),
    ("Private-Lines", _PUTTY),
    # Files: .netrc and .pgpass.
    ("password", r"(\blogin\s{1,8}\S{1,128}\s{1,8}password\s{1,8})\S{1,512}"),
    (":", _PGPASS),
    *(
        (
            f"{mark}(",
            rf"""({mark}\(\s{{0,8}}(?:["'][^"']{{1,64}}["'],\s{{0,8}})?b?["']){_MIXED}[\w.+/=-]{{20,512}}(?=["'])""",
        )
        for mark in _CLIENTS
    ),
    # Sentences.
    *((mark, _LOGIN_WITH) for mark in ("ogin", "og in", "red")),
    ("AUTH ", rf"""((?:^|[\s"'>])(?:AUTH|AUTH[ ][\w.-]{{1,64}})[ ]){_MIXED}[^\s"']{{6,512}}"""),  # Redis
    ("auth-pass", rf"(\bauth-pass[ ]\S{{1,64}}[ ]){_MIXED}[^\s\"']{{4,512}}"),
    *((mark, _ABROAD) for mark in ("passe", "ароль", "密", "パスワード", "비밀번호", "contraseñ", "hasło")),
    *(
        (" ", pattern)
        for pattern in (_IS_MIXED, _IS_QUOTED, _WITH, _WITH_QUOTED, _BARE_TOKEN, _BARE_KEY, _ABOUT, _CODE)
    ),
)

CONTEXTS: Final = (
    *((mark, re.compile(pattern), r"\g<1>[redacted]" if pattern.startswith("(") else "[redacted]")
      for mark, pattern in (*_ROWS, *COMMANDS)),
    ("/", WEBHOOK, r"\g<1>[redacted]"),
)  # fmt: skip
"""What a text must hold to be searched, what to search for, and what to put in its place."""
