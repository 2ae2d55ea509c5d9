from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.processors.secrets import is_secret_name, normal_name, without_secrets

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


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            *("password", "PASSWORD", "db_passwd", "pwd", "passphrase", "X-Api-Key", "apiKey", "OPENAI_API_KEY"),
            *("token", "access-token", "refreshToken", "secret", "clientSecret", "aws_secret_access_key", "privateKey"),
            *("authorization", "auth", "Set-Cookie", "credentials", "jwt"),
        ],
    )
    def test_of_secrets(self, name: str) -> None:
        """Names of secrets are known in any case and with any separators."""
        assert is_secret_name(normal_name(name))

    @pytest.mark.parametrize(
        "name",
        [
            *("input_tokens", "max_tokens", "maxTokens", "token_count", "tokenizer", "trace_id", "key", "cache_key"),
            *("monkey", "secretary", "author", "authority", "user", "basic"),
        ],
    )
    def test_of_others(self, name: str) -> None:
        """Counts of tokens and words that only sound like it are none."""
        assert not is_secret_name(normal_name(name))
