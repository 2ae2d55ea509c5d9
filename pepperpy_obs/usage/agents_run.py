"""Which request of a run of openai-agents was answered by which model, under which response id.

The entries of its usage have neither. The run's raw responses have the ids of its own requests, and its items the
agents that made them. Requests of an agent that was called as a tool are entries without a response.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.get_path import Path, first, get_path
from pepperpy_obs.usage.shapes import word
from pepperpy_obs.usage.usage_paths import NO_ID

__all__ = ["UNKNOWN", "name_requests"]

UNKNOWN: Final = "unknown"
"""The model of a request that may be any of several: such a request has no price."""
_ROUTES: Final = ("litellm/", "any-llm/")
"""How openai-agents begins the name of a model that it asks through another library."""
_DEEPEST: Final = 4
_SAID_ID: Final[Path] = ("provider_data", "response_id")
_SAID_MODEL: Final[Path] = ("provider_data", "model")
"""What items of Chat Completions say of the answer that they come from."""
_MODEL: Final[tuple[Path, ...]] = (("model", "model"), ("model",))
_TOKENS: Final = ("input_tokens", "output_tokens")


def name_requests(run: Any, entries: Sequence[Captured]) -> None:
    """Give the entries of a run's usage their response ids and models, as far as the run says them."""
    responses = get_path(run, ("raw_responses",))
    if not isinstance(responses, list) or not responses:
        return
    agents = _agents(run)
    place, helpers, all_helpers = 0, set[str | None](), set[str | None]()
    for response in responses:
        tokens = tuple(get_path(response, ("usage", name)) for name in _TOKENS)
        own = next((n for n, each in enumerate(entries) if n >= place and _tokens(each) == tokens), None)
        if own is None:
            continue
        _name_helped(entries[place:own], helpers or all_helpers)
        output: Any = get_path(response, ("output",)) or ()
        agent = next((agents[id(item)] for item in output if id(item) in agents), None)
        entries[own].response_id = _id(response) or _said(output, _SAID_ID)
        entries[own].model = _said(output, _SAID_MODEL) or _model_of(agent)
        helpers = _models_of_tools(agent, output)
        all_helpers |= helpers
        place = own + 1
    _name_helped(entries[place:], helpers or all_helpers)


def _id(response: Any) -> str | None:
    """Return the id of a response; all that came by Chat Completions have the same one."""
    told = word(get_path(response, ("response_id",)))
    return None if told == NO_ID else told


def _agents(run: Any) -> dict[int, Any]:
    """Return which agent made each item of the model's output, by the item's identity."""
    items: Any = get_path(run, ("new_items",)) or ()
    return {id(get_path(item, ("raw_item",))): get_path(item, ("agent",)) for item in items}


def _name_helped(entries: Sequence[Captured], models: set[str | None]) -> None:
    """Name the model of requests that agents called as tools have made; several may have been at it at once."""
    for entry in entries:
        if models:
            entry.model = next(iter(models)) if len(models) == 1 else UNKNOWN


def _models_of_tools(agent: Any, output: Any) -> set[str | None]:
    """Return the models of the agents that this output calls as tools, and of those which they can call."""
    called = {get_path(item, ("name",)) for item in output if get_path(item, ("type",)) == "function_call"}
    tools: Any = get_path(agent, ("tools",)) or ()
    helpers = [get_path(tool, ("_agent_instance",)) for tool in tools if get_path(tool, ("name",)) in called]
    return {_model_of(each) for helper in helpers if helper is not None for each in _reachable(helper)}


def _reachable(agent: Any, depth: int = _DEEPEST) -> Iterator[Any]:
    """Yield an agent, and those that it can call or hand over to."""
    yield agent
    tools: Any = get_path(agent, ("tools", "*", "_agent_instance")) or ()
    others: Any = get_path(agent, ("handoffs",)) or ()
    if depth:
        for other in (*tools, *others):
            yield from _reachable(other, depth - 1)


def _said(output: Any, path: Path) -> str | None:
    return next((said for item in output if (said := word(get_path(item, path)))), None)


def _model_of(agent: Any) -> str | None:
    """Return the model that an agent asks, if it is set for it: as a name, or as an object that has one."""
    name = word(first(agent, _MODEL)) if agent is not None else None
    if not isinstance(name, str):
        return None
    return next((name.removeprefix(route) for route in _ROUTES if name.startswith(route)), name)


def _tokens(entry: Captured) -> tuple[Any, ...]:
    return tuple(entry.raw.get(name) for name in _TOKENS)
