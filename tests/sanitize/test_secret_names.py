from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.events import VOCABULARY
from pepperpy_obs.sanitize.secret_names import holds_numbers, is_secret_name, normal_name

SECRETS = [
    "password", "PASSWORD", "db_passwd", "pwd", "mysql_pwd", "MyPwd", "userpwd", "passphrase", "passcode",
    "db_pass", "dbPass", "DB_PASS", "smtp-pass", "userpass", "pass", "secret", "secrets", "client_secret",
    "clientSecret", "SECRET_KEY", "aws_secret_access_key", "webhook_secret", "otp", "X-Api-Key", "apiKey",
    "api_key", "APIKey", "OPENAI_API_KEY", "api_keys", "openai_key", "openaiKey", "OpenAIKey", "OPENAI-KEY",
    "anthropic_key", "azure_openai_key", "gemini_key", "hf_key", "stripe_key", "privateKey", "private_key",
    "signing_key", "master_key", "service_role_key", "ssh_key", "license_key", "x-subscription-key",
    "ocp-apim-subscription-key", "app_key", "llm_key", "openai_key_2", "openai_key_prod", "token", "access-token",
    "refreshToken", "api_tokens", "authtoken", "accessToken", "session_token", "id_token", "X-Amz-Security-Token",
    "github_pat", "authorization", "Proxy-Authorization", "auth", "basic_auth", "auth_header", "authentication",
    "bearer", "jwt", "jwt_value", "Set-Cookie", "cookie", "cookies", "session_cookie", "credentials", "creds",
    "google_creds", "csrf", "xsrf", "X-Amz-Signature",
]  # fmt: skip

OTHERS = [
    "input_tokens", "output_tokens", "max_tokens", "maxTokens", "token_count", "tokens", "tokenizer", "token_type",
    "tokens_per_second", "prompt_tokens", "total_tokens", "cache_key", "cacheKey", "prompt_cache_key", "key",
    "keys", "primary_key", "primaryKey", "foreign_key", "sort_key", "partition_key", "routing_key",
    "idempotency_key", "dedup_key", "lookup_key", "row_key", "object_key", "session_key", "user_key", "public_key",
    "index_key", "project_key", "issue_key", "hotkey", "monkey", "turkey", "keyboard", "keyword", "key_count",
    "key_id", "author", "authors", "authority", "authored", "oauth_provider", "auth_type", "auth_method",
    "auth_url", "secretary", "user", "basic", "pass_rate", "passed", "passes", "passenger", "first_pass",
    "second_pass", "forward_pass", "n_pass", "compass", "bypass", "passwordless", "trace_id", "span_id",
    "response_id", "request_id", "session_id", "user_id", "id", "uuid", "cookie_policy", "cookie_count", "bearing",
    "outcome", "operation",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_of_secrets(name: str) -> None:
    """Names of secrets are known in any case and with any separators."""
    assert is_secret_name(normal_name(name))


@pytest.mark.parametrize("name", OTHERS)
def test_of_others(name: str) -> None:
    """Counts of tokens, keys to data and words that only sound like it are none."""
    assert not is_secret_name(normal_name(name))


def test_of_ours() -> None:
    """No field of our own sounds like a secret."""
    assert [name for name in VOCABULARY if is_secret_name(name)] == []


@pytest.mark.parametrize(
    "name, secret",
    [("password", True), ("db_pass", True), ("otp", True), ("pass", False), ("api_key", False), ("token", False)],
)
def test_numbers(name: str, *, secret: bool) -> None:
    """A number may be a password; under any other name it counts something."""
    assert holds_numbers(name) is secret


@given(st.sampled_from(SECRETS + OTHERS), st.sampled_from(["upper", "lower", "title"]), st.sampled_from("-_. "))
def test_law_the_spelling_decides_nothing(name: str, case: str, separator: str) -> None:
    """A name in normal form is judged as it is in capitals, or with other separators."""
    normal = normal_name(name)
    spelt = getattr(normal, case)().replace("_", separator)

    assert is_secret_name(normal_name(spelt)) is is_secret_name(normal)


@given(st.sampled_from(SECRETS + OTHERS))
def test_law_normal_form_is_settled(name: str) -> None:
    """The normal form of a normal form is itself."""
    assert normal_name(normal_name(name)) == normal_name(name)
