"""uWSGI: workers set themselves up after its forks, and let all leave before they end."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from pepperpy_obs import _dispatch
from pepperpy_obs._guard import failed
from pepperpy_obs.errors import SetupError
from pepperpy_obs.runtime import process

__all__ = ["instrument_uwsgi"]

_MARK: Final = "_pepperpy_obs"
"""On a hook that is ours."""


def instrument_uwsgi() -> None:
    """Take part in the forks and ends of uWSGI's workers, once, beside hooks that are there.

    uWSGI forks without telling Python, and ends without its exit handlers. Raises SetupError outside of uWSGI.
    """
    try:
        uwsgi: Any = import_module("uwsgi")
    except ModuleNotFoundError as error:
        msg = "instrument_uwsgi: this process was not started by uWSGI, which alone has the module 'uwsgi'"
        raise SetupError(msg) from error
    for name, step in (("post_fork_hook", process.notice_fork), ("atexit", _end)):
        before = getattr(uwsgi, name, None)
        if getattr(before, _MARK, False):
            continue
        setattr(uwsgi, name, _together(before, step))


def _end() -> None:
    _dispatch.runtime().shutdown()


def _together(before: Any, step: Any) -> Any:
    def both(*args: Any, **given: Any) -> Any:
        try:
            step()
        except Exception as error:
            failed("uwsgi", error)
        return before(*args, **given) if callable(before) else None

    vars(both)[_MARK] = True
    return both
