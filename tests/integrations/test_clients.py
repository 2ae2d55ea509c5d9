# ruff: noqa: D102, D103 - the clients that these stand for are others'
# mypy: ignore-errors
# pyright: basic
"""Clients hooked with one line. Those here are stand-ins, in files; the real ones are asked in `make sdks`."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_obs import SetupError, instrument, uninstrument
from pepperpy_obs.integrations.clients import statuses
from pepperpy_obs.integrations.clients.addresses import provider_at
from pepperpy_obs.testing import captured

CLIENT = '''
class SyncAPIClient:
    def __init__(self, host="api.groq.com"):
        self.base_url = type("URL", (), {"host": host})()

    def request(self, cast_to, options, *, stream=False, stream_cls=None):
        """Send it."""
        if options.json_data == {"model": "broken"}:
            raise ConnectionError
        return {"id": options.id, "model": "m-1", "usage": {"prompt_tokens": 12, "completion_tokens": 7}}


class AsyncAPIClient(SyncAPIClient):
    async def request(self, cast_to, options, *, stream=False, stream_cls=None):
        return SyncAPIClient.__dict__["request"].__wrapped__(self, cast_to, options)


original = SyncAPIClient.request
'''
NAME = "groq._base_client"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a library called groq, which nothing has imported yet."""
    (tmp_path / "groq").mkdir()
    (tmp_path / "groq" / "__init__.py").touch()
    (tmp_path / "groq" / "_base_client.py").write_text(CLIENT, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    forgotten()
    yield
    uninstrument()
    forgotten()


def forgotten() -> None:
    for name in ("groq", NAME):
        sys.modules.pop(name, None)


def options(identity: str = "r-1", **changed: object) -> SimpleNamespace:
    given = {"method": "post", "url": "/openai/v1/chat/completions", "json_data": {"model": "m"}, "id": identity}
    return SimpleNamespace(**{**given, **changed})


def told(events: list[dict], *more: str) -> list[tuple]:
    names = ("operation", "outcome", "provider", "model", "input_tokens", "output_tokens", *more)
    return [tuple(event.get(name) for name in names) for event in events]


CHAT = ("groq.chat.completions", "ok", "groq", "m", 12, 7)


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_library_is_hooked_whenever_it_is_imported(order: str, library: None) -> None:
    """Each request is one event, whether the library is imported before or after, and however often one asks."""
    if order == "after":
        importlib.import_module(NAME)
    instrument()
    instrument("groq")
    assert (NAME in sys.modules) == (order == "after")
    module = importlib.import_module(NAME)
    with captured() as calls:
        module.SyncAPIClient().request(dict, options())
        asyncio.run(module.AsyncAPIClient().request(dict, options("r-2")))
    assert told(calls.events) == [CHAT, CHAT]


def test_a_hook_has_the_signature_of_the_method(library: None) -> None:
    """Signature, name, documentation and shape are the method's own."""
    instrument("groq")
    module = importlib.import_module(NAME)
    assert inspect.signature(module.SyncAPIClient.request) == inspect.signature(module.original)
    assert (module.SyncAPIClient.request.__name__, module.SyncAPIClient.request.__doc__) == ("request", "Send it.")
    assert inspect.iscoroutinefunction(module.AsyncAPIClient.request)


def test_a_module_keeps_its_own_loader(library: None) -> None:
    """A module that was awaited has the loader that found it, which gives its source."""
    instrument("groq")
    module = importlib.import_module(NAME)
    assert type(module.__loader__).__name__ == "SourceFileLoader"
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert inspect.getsource(module.SyncAPIClient)
    again = importlib.reload(module)
    with captured() as calls:
        again.SyncAPIClient().request(dict, options())
    assert told(calls.events) == [CHAT]


def test_a_request_that_fails_says_what_was_asked(library: None) -> None:
    """The exception is the client's own; its event names the model and the provider."""
    instrument("groq")
    module = importlib.import_module(NAME)
    with captured() as calls, pytest.raises(ConnectionError):
        module.SyncAPIClient().request(dict, options(json_data={"model": "broken"}))
    assert told(calls.events, "error_type") == [
        ("groq.chat.completions", "error", "groq", "broken", None, None, "ConnectionError")
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "get"},
        {"url": "/models"},
        {"url": "/v1/messages/count_tokens"},
        {"url": "/v1/messages/batches"},
        {"url": "/threads/t/messages"},
        {"url": None},
    ],
)
def test_what_is_no_request_to_a_model_passes(changed: dict, library: None) -> None:
    """It gives what it gives, and no event; so does what our reading does not understand."""
    instrument("groq")
    module = importlib.import_module(NAME)
    with captured() as calls:
        assert module.SyncAPIClient().request(dict, options(**changed))["id"] == "r-1"
    assert not calls.events


@pytest.mark.parametrize(
    "host, provider",
    [
        ("api.openai.com", "openai"),
        ("eu.api.openai.com", "openai"),
        ("shop.openai.azure.com", "azure"),
        ("openrouter.ai", "openrouter"),
        ("api.deepseek.com", "deepseek"),
        ("us-central1-aiplatform.googleapis.com", "google"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws"),
        ("notopenrouter.ai", None),
        ("localhost", None),
    ],
)
def test_the_provider_by_address(host: str, provider: str | None) -> None:
    """The address of a client says which provider it asks."""
    assert provider_at(host) == provider


def test_the_provider_is_read_from_each_request(library: None) -> None:
    """One library talks to two providers: each event names its own; an unknown address is the library's."""
    instrument("groq")
    module = importlib.import_module(NAME)
    with captured() as calls:
        for number, host in enumerate(("openrouter.ai", "10.0.0.1", "api.groq.com")):
            module.SyncAPIClient(host).request(dict, options(f"r-{number}"))
    assert [event["provider"] for event in calls.events] == ["openrouter", "groq", "groq"]


def test_uninstrument_puts_the_method_back(library: None) -> None:
    """The class has its own method again, and a module that is imported later is left alone."""
    instrument("groq")
    module = importlib.import_module(NAME)
    assert module.SyncAPIClient.request is not module.original
    uninstrument("groq")
    assert module.SyncAPIClient.request is module.original
    forgotten()
    module = importlib.import_module(NAME)
    assert module.SyncAPIClient.request is module.original
    assert not [finder for finder in sys.meta_path if type(finder).__module__.startswith("pepperpy_obs")]


def test_a_hook_that_others_have_wrapped_is_switched_off(library: None) -> None:
    """Their wrapper stays; nothing is recorded; hooked again, each request is one event again."""
    instrument("groq")
    module = importlib.import_module(NAME)
    ours = module.SyncAPIClient.request

    @functools.wraps(ours)
    def theirs(*args: object, **kwargs: object) -> object:
        return ours(*args, **kwargs)

    module.SyncAPIClient.request = theirs
    uninstrument("groq")
    with captured() as calls:
        module.SyncAPIClient().request(dict, options())
    assert not calls.events
    instrument("groq")
    assert module.SyncAPIClient.request is theirs
    with captured() as calls:
        module.SyncAPIClient().request(dict, options())
    assert told(calls.events) == [CHAT]


class Wrapt:
    """As wrapt's: an object in the place of the method, which hands on what it is called on."""

    def __init__(self, wrapped: Any) -> None:
        self.__wrapped__: Any = wrapped
        self._self_wrapper = None

    def __get__(self, instance: object, kind: type) -> object:
        bound: object = self.__wrapped__.__get__(instance, kind)
        return bound

    def __call__(self, *args: object, **kwargs: object) -> object:
        answer: object = self.__wrapped__(*args, **kwargs)
        return answer


def test_a_hook_goes_below_what_others_have_put_there_first(library: None) -> None:
    """Their object stays in its place, and ours below it sees each request; taken out, theirs is as it was."""
    module = importlib.import_module(NAME)
    theirs = module.SyncAPIClient.request = Wrapt(module.original)
    instrument("groq")
    assert vars(module.SyncAPIClient)["request"] is theirs
    with captured() as calls:
        module.SyncAPIClient().request(dict, options())
    assert told(calls.events) == [CHAT]
    uninstrument()
    assert theirs.__wrapped__ is module.original


def test_one_client_is_hooked_alone(library: None) -> None:
    """Its requests are recorded, and those of no other; hooked twice, or with its class, it is hooked once."""
    module = importlib.import_module(NAME)
    one, other = module.SyncAPIClient(), module.SyncAPIClient()
    instrument(one)
    instrument(one)
    with captured() as calls:
        one.request(dict, options())
        other.request(dict, options("r-2"))
    assert [event["response_id"] for event in calls.events] == ["r-1"]
    instrument("groq")
    with captured() as calls:
        one.request(dict, options("r-3"))
        other.request(dict, options("r-4"))
    assert [event["response_id"] for event in calls.events] == ["r-3", "r-4"]
    uninstrument("groq")
    uninstrument(one)
    assert one.request.__func__ is module.original


def test_what_cannot_be_hooked_is_named() -> None:
    """A wrong name or object is refused; the message says what is accepted."""
    with pytest.raises(SetupError, match="did you mean 'openai'"):
        instrument("opena")
    with pytest.raises(SetupError, match="a dict has no hook"):
        instrument({})


def test_statuses_say_what_is_hooked_and_why_not(library: None, tmp_path: Path) -> None:
    """Hooked, missing in this version, and why."""
    (tmp_path / "groq" / "_base_client.py").write_text(CLIENT.replace("class Async", "class Other"), encoding="utf-8")
    instrument("groq")
    importlib.import_module(NAME)
    found = {status.hook: (status.state, status.reason) for status in statuses() if status.library == "groq"}
    assert found == {
        f"{NAME}.SyncAPIClient.request": ("hooked", ""),
        f"{NAME}.AsyncAPIClient.request": ("missing", "there is no AsyncAPIClient in this version"),
    }


def test_a_class_without_the_method_is_left_alone(library: None, tmp_path: Path) -> None:
    """An SDK that has changed is imported as ever, and its status says so."""
    (tmp_path / "groq" / "_base_client.py").write_text("class SyncAPIClient: pass", encoding="utf-8")
    instrument("groq")
    importlib.import_module(NAME)
    reasons = {status.reason for status in statuses() if status.library == "groq"}
    assert reasons == {"there is no request in this version", "there is no AsyncAPIClient in this version"}


def test_nothing_is_imported_to_be_hooked() -> None:
    """The front door loads no hooks, and hooks load no SDK."""
    code = (
        "import sys, pepperpy_obs; assert 'pepperpy_obs.integrations' not in sys.modules; pepperpy_obs.instrument();"
        "from pepperpy_obs.integrations.clients.table import HOOKS;"
        "print([hook.module for hook in HOOKS if hook.module.partition('.')[0] in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"
