from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.sanitize.secrets import without_secrets

pytestmark = pytest.mark.hostile

# Made here of parts, so that nobody's scanner takes them for real ones.
KEYS = [
    "sk-" + "proj-aB3_" * 6,
    "sk-" + "ant-api03-" + "x1Y2" * 8,
    "sk-" + "or-v1-" + "0a" * 20,
    "sk_" + "live_" + "a1B2" * 6,
    "AK" + "IA" + "ABCDEFGHIJ234567",
    "AI" + "za" + "x1-Y" * 9,
    "ya" + "29." + "x1_Y" * 9,
    "gh" + "p_" + "a1B2" * 9,
    "github" + "_pat_" + "a1B2_" * 9,
    "glpat" + "-" + "a1B2" * 5,
    "xo" + "xb-" + "123456789-abcdef",
    "hf" + "_" + "aBcD" * 9,
    "SG" + "." + "a" * 22 + "." + "b" * 40,
    "dapi" + "0123456789abcdef" * 2,
    "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0In0" + ".a-b_c",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\nabc+/=\n-----END RSA " + "PRIVATE KEY-----",
]

SCRAPS = [
    *("password", "Token", "secret", "authorization", "bearer ", "Basic ", "://", "@", ":", "=", " ", "'", '"', "\\"),
    *(
        "cookie",
        "pass",
        "API key",
        "openai_key",
        "--api-key ",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "', '",
        ">",
        "sig=",
        "null",
    ),
    *(",", "&", "\n", "a", "1", "sk-", "eyJ", "-----BEGIN PRIVATE KEY-----", "-", "_", "é" * 20),
]


class TestKeys:
    @pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:6])
    @pytest.mark.parametrize("around", ["{}", "the key {} was refused", '{{"k": "{}"}}', "a,{},b", "x={}&y", "({})"])
    def test_known_by_their_marks(self, key: str, around: str) -> None:
        """A key with an issuer's mark is found in whatever text it stands; the text around it stays."""
        assert without_secrets(around.format(key)) == around.format("[redacted]")

    def test_cut_off(self) -> None:
        """A private key whose end was cut away is a secret to the end of the text."""
        assert without_secrets("key: " + KEYS[-1][:-40]) == "key: [redacted]"

    @pytest.mark.parametrize(
        "text",
        [
            "risk-management-department-of-the-bank",
            "task_live_abcdefghijklmnop",
            "max_tokens: 100, input_tokens=5",
            "unexpected token: }",
            "the bearer of the message was well-known",
            "http://localhost:8000/v1/chat?user=a@b.c",
            "https://example.com/@user",
            "chatcmpl-AbCdEf0123456789AbCdEf0123456789",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "550e8400-e29b-41d4-a716-446655440000",
            "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
            "msg_01XFDUDYJgAACzvnptvVoYEL",
            "",
            "cache_key: abc, primary_key=3, key: value, monkey: x, keyboard=qwerty, author: 'me', authority: none",
            "input_tokens=5 output_token: 7 {'total_token': 12}",
            "auth: disabled, auth=none, pass: 12, fail: 3, PASS_THROUGH=yes, bypass: true, compass=3",
            "api_key: None, password=null, {'token': true}",
            "missing ['api_key', 'model'], not ('password', 'email')",
            "ssh://git@github.com/x, http://db:5432/x?mail=a@b.c, mongodb://reader@db/x",
            "Content-Type: application/json",
            "2026-01-01T12:30:00Z level=info took=12ms --verbose --max-tokens 100",
        ],
    )
    def test_not_words_and_ids(self, text: str) -> None:
        """Words, ids of providers and traces, and addresses without a password are left alone."""
        assert without_secrets(text) is text


class TestNamedInText:
    @pytest.mark.parametrize(
        "text, redacted",
        [
            ("password=hunter2 user=me", "password=[redacted] user=me"),
            ("PASSWORD: hunter2, next", "PASSWORD: [redacted], next"),
            ('{"api_key": "abc def", "n": 1}', '{"api_key": "[redacted]", "n": 1}'),
            (r"{\"apiKey\": \"abc\"}", r"{\"apiKey\": \"[redacted]\"}"),
            ("{'client_secret': 'abcdefgh'}", "{'client_secret': '[redacted]'}"),
            ("?access_token=abcdefgh&x=1", "?access_token=[redacted]&x=1"),
            ("AccountKey=abc==;Endpoint", "AccountKey=[redacted];Endpoint"),
            ("Authorization: Bearer abc", "Authorization: [redacted]"),
            ("Authorization: Basic bWU6aHVudGVyMg==", "Authorization: [redacted]"),
            ("Bearer 0123456789abcdef0", "Bearer [redacted]"),
            ("private_key: " + KEYS[-1] + " end", "private_key: [redacted] end"),
            ("postgresql+psycopg://me:hunter2@db:5432/x", "postgresql+psycopg://[redacted]@db:5432/x"),
            ("redis://:p@ss@cache/0", "redis://[redacted]@cache/0"),
            ("https://" + KEYS[3] + ":@api.stripe.com", "https://[redacted]@api.stripe.com"),
            ("postgres://me:p/w@db/x", "postgres://[redacted]@db/x"),
            ("mongodb+srv://me:pw@h1:1,h2:2/db", "mongodb+srv://[redacted]@h1:1,h2:2/db"),
            ("https://0123456789abcdef0123@sentry.io/2", "https://[redacted]@sentry.io/2"),
            ("https://x.blob/y?sv=1&sig=ab%2Fc&se=2", "https://x.blob/y?sv=1&sig=[redacted]&se=2"),
            ("https://b.s3/x?X-Amz-Signature=0af1&x=2", "https://b.s3/x?X-Amz-Signature=[redacted]&x=2"),
            ("curl -u me:hunter2 http://h", "curl -u me:[redacted] http://h"),
            ("<a><password>x y</password></a>", "<a><password>[redacted]</password></a>"),
            ("db_pass=hunter2 pass=hunter2", "db_pass=[redacted] pass=[redacted]"),
            ("OPENAI_KEY = 'abc'", "OPENAI_KEY = '[redacted]'"),
            ("{'auth': 'me:pw', 'n': 1}", "{'auth': '[redacted]', 'n': 1}"),
            ("The API key: abcd was refused", "The API key: [redacted] was refused"),
            (r'{"password": "ab\"cd", "n": 1}', '{"password": "[redacted]", "n": 1}'),
            ('"Authorization": ["Bearer a", "b"]', '"Authorization": [redacted]'),
            (
                "Client(api_key=b'a b', token=SecretStr('c d'))",
                "Client(api_key=b'[redacted]', token=SecretStr('[redacted]'))",
            ),
            ("('authorization', 'Basic bWU6') x", "('authorization', '[redacted]') x"),
            ("[(b'x-api-key', b'a b'), (b'n', b'1')]", "[(b'x-api-key', b'[redacted]'), (b'n', b'1')]"),
            ("curl --api-key hunter2 --model x", "curl --api-key [redacted] --model x"),
            ('Authorization: Digest username="x", response="y"\nHost: z', "Authorization: [redacted]\nHost: z"),
            ("Cookie: sid=abc; theme=dark\nHost: z", "Cookie: [redacted]\nHost: z"),
        ],
    )
    def test_by_the_name_beside_it(self, text: str, redacted: str) -> None:
        """What stands beside a secret's name is replaced, in code, JSON, headers, queries and URLs."""
        assert without_secrets(text) == redacted

    @given(st.lists(st.sampled_from([*KEYS, *SCRAPS])).map("".join))
    def test_law_idempotent(self, text: str) -> None:
        """Redacting twice changes nothing more, however secrets are mixed up."""
        once = without_secrets(text)

        assert without_secrets(once) == once

    @given(
        st.sampled_from(
            ["password", "db_pass", "openai_key", "apiKey", "X-Api-Key", "auth", "clientSecret", "access_token"]
        ),
        st.from_regex(r"[a-z]{4}[0-9]{4}[A-Za-z0-9_.~+/-]{0,40}", fullmatch=True),
        st.sampled_from(["{}={}", "{}: {}", '{{"{}": "{}"}}', "--{} {}", "('{}', '{}')", "{}='{}'", "?a=1&{}={}&b=2"]),
        st.sampled_from(["{}", "said: {}, and went", "{}\n", "[{}]"]),
    )
    def test_law_no_secret_stays_beside_its_name(self, name: str, secret: str, form: str, around: str) -> None:
        """However it is written, nothing of a named secret is left, and its name is."""
        found = without_secrets(around.format(form.format(name, secret)))

        assert secret not in found
        assert name in found

    @given(st.text("ab1 :=,-'\"[](){}@/\\&_\n", max_size=80))
    def test_law_without_names_and_marks_nothing_goes(self, text: str) -> None:
        """Signs alone make no secret, but in addresses with a password."""
        assert "://" in text or without_secrets(text) is text
