"""Names under which people keep secrets, and the few that only sound like it.

Whether `cache_key` or `openai_key` is a key to anything, no rule of grammar tells. So keys and
passes are known by whose they are; further names belong into `redact_keys`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["holds_numbers", "is_secret_name", "normal_name"]

_ISSUERS: Final = (
    r"open_?ai|anthropic|claude|gemini|google|gcp|vertex(?:_?ai)?|azure|aws|bedrock|mistral|cohere|groq|x_?ai|grok"
    r"|open_?router|deep_?seek|together(?:_?ai)?|fireworks|perplexity|pplx|hugging_?face|hf|replicate|nvidia"
    r"|databricks|ollama|lite_?llm|lang_?smith|lang_?fuse|lang_?chain|helicone|pinecone|qdrant|weaviate|milvus|voyage"
    r"|jina|serp_?api|serper|tavily|exa|bing|stripe|paypal|twilio|send_?grid|mailgun|github|gitlab|slack|discord"
    r"|telegram|sentry|data_?dog|dd|new_?relic|grafana|elastic(?:search)?|supabase|firebase|algolia|deepgram|eleven_?labs"
)
_OPENERS: Final = (
    r"api|app|application|access|secret|private|account|signing|signature|encryption|decryption|crypto|cipher|master"
    r"|root|admin|service|role|anon|client|server|fernet|functions?|recovery|activation|ingest(?:ion)?|shared|wi_?fi|wlan|wpa2?|consumer|subscription|shared_access|licen[cs]e|deploy|webhook|write"
    r"|auth|jwt|hmac|aes|rsa|ssh|ssl|tls|gpg|pgp|pem|cert|certificate|bot|llm|provider|model_api"
)
"""What a key may open, sign or come from; those to data (cache, sort, primary, session, idempotency) are not here."""
_ACCOUNTS: Final = (
    r"db|database|sql|mysql|pg|postgres|postgresql|mongo|mongodb|redis|mq|amqp|rabbit|rabbitmq|kafka|elastic|jdbc"
    r"|user|admin|root|sudo|login|my|app|service|server|client|account|proxy|http|basic|auth|smtp|imap|mail|email|ftp"
    r"|sftp|ssh|ldap|wifi|vpn|become|ansible|mqtt|nats|snmp|rpc|web|api|test|prod|staging|dev|key|cert|keystore|truststore|store|encryption"
)
"""Whose a pass may be: a first, a final or a forward pass is none."""

_PASSWORD: Final = (
    r"passw(?:or)?d(?!less)|passphrase|passcode|(?:^|_)(?:pwd|pswd)|(?:^|_)[a-z]{1,6}pwd$"
    r"|passwort(?:$|_|\d)|kennwort|contrase[nñ]a|wachtwoord|(?:^|_)(?:senha|mdp|hasło|haslo|salasana|lösenord|losenord)$"
    r"|пароль$|密码$|密碼$|パスワード$"
    r"|(?:^|_)(?:recovery|backup)_codes?$|(?:^|_)(?:default|auth)_?pass$|(?:^|_)(?:pw|psk)$|(?:^|_)(?:seed_phrase|mnemonic)$"
    rf"|(?:^|_)(?:{_ACCOUNTS})_?pass\d*$|(?:^|_)secrets?(?:_|\d*$)|(?:^|_)t?otp$"
)
_OTHER: Final = (
    r"^pass$|api_?key|(?:access|secret|private|account|signing|encryption)_?key"
    rf"|(?:^|_)(?:{_OPENERS}|{_ISSUERS})_?keys?(?:_?\d+|_(?:prod|dev|test|staging|live|value|header|data))?$"
    rf"|(?:^|_)(?:{_ISSUERS}|asana|jira|azure_devops)_(?:pat|auth)$|^tf_token_|(?:^|_)bearer_token_"
    r"|(?:^|_)(?:auth(?:orization|entication)?|token|jwt|bearer|cookies?|credentials?|creds?|[cx]srf)\d*$"
    r"|(?:^|_)(?:auth|authorization|cookie|jwt|bearer)_(?:header|headers|value|string|data|code)$"
    r"|(?:^|_)(?:auth|access|api|refresh|bearer|session|[cx]srf|security|sas)_?tokens?(?:_?\d+|_value)?$"
    r"|(?:amz|goog|shared_access)_signature$"
)
_SECRET_NAME: Final = re.compile(f"{_PASSWORD}|{_OTHER}")
_ABOUT_ONE: Final = re.compile(
    r"_(?:file(?:name)?|path|dir(?:ectory)?|policy|(?:min_|max_)?length|hint|expir(?:es|y|ation)(?:_(?:at|in))?|age"
    r"|changed(?:_at)?|updated_at|created_at|reset_at|required|enabled|strength|ref|arn|label|placeholder|encryption|algorithm|hasher|scheme"
    r"|attempts|tries|count)$|^(?:num|n|max|min)_|(?:^|_)pull_secrets?$"
    r"|(?:^|_)secrets?_(?:key_ref|name|version|store|manager|class|type|count)$"
    r"|(?:^|_)(?:stop|pad|padding|eos|bos|sep|cls|mask|unk|end|start|first|last|special|eot)_token$"
)
"""Names of what is said about a secret, and of a model's own tokens (`eos_token`)."""
_MAY_BE_A_NUMBER: Final = re.compile(_PASSWORD)


def normal_name(name: str) -> str:
    """Return a field's name in small letters and underscores.

    >>> normal_name("X-Api-Key"), normal_name("accessToken"), normal_name("OpenAIKey")
    ('x_api_key', 'access_token', 'open_ai_key')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[-. /:]+", "_", name).lower()


@lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Return whether a field of this name, in normal form, holds a secret.

    >>> is_secret_name("access_token"), is_secret_name("max_tokens"), is_secret_name("secretary")
    (True, False, False)
    >>> is_secret_name("openai_key"), is_secret_name("cache_key"), is_secret_name("db_pass")
    (True, False, True)
    """
    return _SECRET_NAME.search(name) is not None and _ABOUT_ONE.search(name) is None


def holds_numbers(name: str) -> bool:
    """Return whether even a number under this secret name is one: a password may be, a token or a key is a count.

    >>> holds_numbers("password"), holds_numbers("input_token")
    (True, False)
    """
    return _MAY_BE_A_NUMBER.search(name) is not None
