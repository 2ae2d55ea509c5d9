"""Agents and tools of frameworks: the structure above the requests, credited by the names that they bear."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs.integrations.clients.hook import Hook, Request

__all__ = ["FRAMEWORKS"]


def _agents_run(_runner: object, starting_agent: Any, *_args: object, **_given: object) -> Request | None:
    return _named(starting_agent, "agent", "openai-agents.run")


def _own_run(agent: Any, *_args: object, **_given: object) -> Request | None:
    return _named(agent, "agent", "pydantic-ai.run")


def _tool(tool: Any, *_args: object, **_given: object) -> Request | None:
    return _named(tool, "tool", "langchain.tool")


def _called_tool(_session: object, name: object, *_args: object, **_given: object) -> Request | None:
    return Request(name if isinstance(name, str) and name else "mcp.tool", None, "tool")


def _named(thing: Any, kind: Any, otherwise: str) -> Request:
    name = getattr(thing, "name", None)
    return Request(name if isinstance(name, str) and name else otherwise, None, kind)


FRAMEWORKS: Final[tuple[Hook, ...]] = (
    Hook("openai-agents", "agents.run", "AgentRunner", "run", _agents_run),
    Hook("openai-agents", "agents.run", "AgentRunner", "run_streamed", _agents_run),
    Hook("pydantic-ai", "pydantic_ai.agent.abstract", "AbstractAgent", "run", _own_run),
    Hook("langchain", "langchain_core.tools.base", "BaseTool", "run", _tool),
    Hook("langchain", "langchain_core.tools.base", "BaseTool", "arun", _tool),
    Hook("mcp", "mcp.client.session", "ClientSession", "call_tool", _called_tool),
)
