"""The template of the route that has answered a request: `/orders/{id}`, never the path with its values.

Frameworks leave it where they found it: Starlette, FastAPI and Litestar in the scope, Flask in the environment. Django
leaves it nowhere outside of itself, so its resolver is asked once more. No framework is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["is_django", "route_of_environ", "route_of_scope"]

_LONGEST: Final = 256


def is_django(app: object) -> bool:
    """Tell whether an application is one of Django's handlers."""
    return type(app).__module__.startswith("django.core.handlers")


def route_of_scope(scope: Mapping[str, Any], root: str, *, django: bool) -> str | None:
    """Return the template of the route that has answered a request of ASGI; None if there was none.

    `root` is the `root_path` that the request came with: what an application was mounted at has been added since.
    """
    if isinstance(told := scope.get("path_template"), str):  # Litestar
        return _tidy(told)
    if (route := scope.get("route")) is not None:
        # FastAPI's own words have the prefix of an included router.
        context = (scope.get("fastapi") or {}).get("effective_route_context")
        told = getattr(context, "path_format", None) or getattr(route, "path", None)
        if isinstance(told, str):
            mounted = str(scope.get("root_path", "")).removeprefix(root)
            return _tidy(told if told.startswith(mounted) and context is not None else mounted + told)
    if django:
        return _resolved(str(scope.get("path", "")).removeprefix(root))
    return None


def route_of_environ(environ: Mapping[str, Any], script: str, *, django: bool) -> str | None:
    """Return the same of a request of WSGI; `script` is the `SCRIPT_NAME` that it came with."""
    rule = getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
    if isinstance(rule, str):  # Flask
        return _tidy(str(environ.get("SCRIPT_NAME", "")).removeprefix(script) + rule)
    return _resolved(str(environ.get("PATH_INFO", ""))) if django else None


def _resolved(path: str) -> str | None:
    """Return what Django's resolver says of a path."""
    resolve = getattr(sys.modules.get("django.urls"), "resolve", None)
    if resolve is None:
        return None
    try:
        route = resolve(path).route
    except Exception:  # Resolver404: no route has answered
        return None
    return _tidy(f"/{route.lstrip('/')}")


def _tidy(template: str) -> str:
    return template[:_LONGEST] or "/"
