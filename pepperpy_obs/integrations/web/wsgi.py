"""Middleware for WSGI: Flask, Django and others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._guard import failed
from pepperpy_obs.context import CURRENT, reset
from pepperpy_obs.integrations.web.request import Request
from pepperpy_obs.integrations.web.routes import is_django, route_of_environ

__all__ = ["WsgiMiddleware"]

Environ = dict[str, Any]
App = Callable[[Environ, Any], Iterable[bytes]]

_STAGE: Final = "web"


class WsgiMiddleware:
    """Makes one event of each request, as `AsgiMiddleware` does.

    Of an answer that is whole the request has ended when it is returned; of a streamed one when the server has read
    its last part, or closes it.
    """

    def __init__(self, app: App, *, ignore: Collection[str] = ()) -> None:
        self.app = app
        self._ignored = frozenset(ignore)
        self._django = is_django(app)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        request = None if RECORDS.off else self._begin(environ)
        if request is None:
            return self.app(environ, start_response)

        def started(*args: Any, **given: Any) -> Any:
            _note_start(request, args[0] if args else given.get("status"))
            return start_response(*args, **given)

        token = CURRENT.set(request.record)
        try:
            body: Any = self.app(environ, started)
        except BaseException as error:
            _end(request, error)
            raise
        finally:
            reset(token)
        if isinstance(body, _whole(environ)):
            # The server looks at what these are: it counts their bytes, or has the system send the file.
            _end(request)
            whole: Iterable[bytes] = body
            return whole
        return _Body(body, request)

    def _begin(self, environ: Environ) -> Request | None:
        try:
            path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
            if path in self._ignored:
                return None
            headers = environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_BAGGAGE")
            request = Request.begin(str(environ.get("REQUEST_METHOD", "")), path, *headers)
            script = str(environ.get("SCRIPT_NAME", ""))
            request.route = lambda: route_of_environ(environ, script, django=self._django)
        except Exception as error:
            failed(_STAGE, error)
            return None
        return request


class _Body:
    """A streamed answer: each part is made with the request as the running call."""

    def __init__(self, body: Iterable[bytes], request: Request) -> None:
        self._body = body
        self._request = request
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next part."""
        request = self._request
        token = CURRENT.set(request.record)
        try:
            if self._parts is None:
                self._parts = iter(self._body)
            part = next(self._parts)
        except StopIteration:
            _end(request)
            raise
        except BaseException as error:
            _end(request, error)
            raise
        finally:
            reset(token)
        _note_first(request)
        return part

    def close(self) -> None:
        """Close the answer; one that was not read to its end is abandoned."""
        token = CURRENT.set(self._request.record)
        try:
            if (close := getattr(self._body, "close", None)) is not None:
                close()
        finally:
            reset(token)
            _end(self._request, GeneratorExit())


def _whole(environ: Environ) -> tuple[type[Any], ...]:
    """Return the classes of answers that are handed on as they are."""
    file_wrapper = environ.get("wsgi.file_wrapper")
    return (list, tuple, file_wrapper) if isinstance(file_wrapper, type) else (list, tuple)


def _note_start(request: Request, status: object) -> None:
    """Note the status, and the route: Flask forgets it with the end of the request."""
    try:
        request.status = int(str(status)[:3])
        if (route := request.route()) is not None:
            request.route = lambda: route
    except Exception as error:
        failed(_STAGE, error)


def _note_first(request: Request) -> None:
    try:
        request.first_part()
    except Exception as error:
        failed(_STAGE, error)


def _end(request: Request, error: BaseException | None = None) -> None:
    try:
        request.end(error)
    except Exception as ours:
        failed(_STAGE, ours)
