"""Which spans are about language models: decided by the name of their scope, where that says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pepperpy_obs.integrations.opentelemetry.names import GENAI

__all__ = ["FOREIGN", "KNOWN", "UNKNOWN", "Scopes"]

FOREIGN: Final = 0
"""No span of the scope is about a language model."""
UNKNOWN: Final = 1
"""Each span has to be looked at."""
KNOWN: Final = 2

_MOST: Final = 4096
_OUR_OWN: Final = "pepperpy_obs"
_STANDARD: Final = "opentelemetry.instrumentation."
_PLAIN: Final = frozenset(
    {
        *(
            "aio_pika",
            "aiohttp_client",
            "aiohttp_server",
            "aiokafka",
            "aiopg",
            "asgi",
            "asyncclick",
            "asyncio",
            "asyncpg",
        ),
        *("boto", "boto3sqs", "cassandra", "celery", "click", "confluent_kafka", "dbapi", "django", "elasticsearch"),
        *("falcon", "fastapi", "flask", "grpc", "httpx", "jinja2", "kafka", "logging", "mysql", "mysqlclient", "pika"),
        *("psycopg", "psycopg2", "pymemcache", "pymongo", "pymssql", "pymysql", "pyramid", "redis", "remoulade"),
        *("requests", "sqlalchemy", "sqlite3", "starlette", "system_metrics", "threading", "tornado", "tortoiseorm"),
        *("urllib", "urllib3", "wsgi"),
    }
)
"""Instrumentations of OpenTelemetry's own that make no span about a language model."""


_MODELS: Final = (
    *("com.anthropic.", "gcp.vertex.agent", "langfuse-sdk", "litellm", "logfire.", "mcp-python-sdk", "mistralai_sdk"),
    *("openinference.", f"{_STANDARD}genai", f"{_STANDARD}openai", f"{_STANDARD}anthropic", f"{_STANDARD}langchain"),
    *(f"{_STANDARD}google_g", "opentelemetry.util.genai", "pydantic-ai", "strands."),
)
"""How the names of scopes begin whose spans are about language models."""


class Scopes:
    """Remembers of each scope whether its spans are to be read."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def decide(self, name: str) -> int:
        """Return what the name of a scope says, and remember it; what is not known is looked at again."""
        first = name.removeprefix(_STANDARD).partition(".")[0]
        foreign = name == _OUR_OWN or (name.startswith(_STANDARD) and first in _PLAIN)
        found = FOREIGN if foreign else KNOWN if name.startswith(_MODELS) else UNKNOWN
        self._remember(name, found)
        return found

    def is_genai(self, name: str, attributes: Mapping[str, Any]) -> bool:
        """Tell whether a span of an unknown scope is about a language model; if so, all of its scope are read."""
        for key in GENAI:
            if key in attributes:
                self._remember(name, KNOWN)
                return True
        return False

    def _remember(self, name: str, found: int) -> None:
        if len(self.known) >= _MOST:  # scopes are modules: so many are made up
            self.known.clear()
        self.known[name] = found
