from __future__ import annotations

import gzip
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from pepperpy_obs import _guard
from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.pages import Answer, Request, application


def broken(_: Request) -> Answer:
    """Fail as a page of ours might."""
    raise RuntimeError("oh no, the key is sk-123")


def choosy(request: Request) -> Answer:
    """Refuse every query but one."""
    if request.query != {"window": "60"}:
        msg = f"{dict(request.query)}; give window=60"
        raise SetupError(msg)
    return Answer("well chosen")


APP = application(
    {
        "/small": lambda _: Answer("\N{SNOWMAN}", "text/x-snow"),
        "/large": lambda _: Answer("ab" * 5000),
        "/accept": lambda request: Answer(request.accept),
        "/broken": broken,
        "/choosy": choosy,
    }
)


def ask(path: str, method: str = "GET", query: str = "", **headers: str) -> tuple[str, dict[str, str], bytes]:
    """Return status, headers and body of one request, in which WSGI's own validator has found no fault."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SCRIPT_NAME": ""}
    setup_testing_defaults(environ)
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        heads.append((status, headers))
        return lambda data: None

    chunks = validator(APP)(environ, start_response)
    body = b"".join(chunks)
    chunks.close()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    status, found = heads[0]
    return status, dict(found), body


def test_a_page_is_served_with_its_type_and_length() -> None:
    """A page goes out as UTF-8, with the headers that it needs and those that keep others from caching and guessing."""
    assert ask("/small") == (
        "200 OK",
        {
            "Content-Type": "text/x-snow",
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Content-Length": "3",
        },
        "\N{SNOWMAN}".encode(),
    )


def test_head_is_get_without_a_body() -> None:
    """HEAD answers the headers of GET."""
    status, headers, _ = ask("/small")
    assert ask("/small", "HEAD") == (status, headers, b"")


def test_large_pages_are_packed_for_those_who_can_unpack_them() -> None:
    """A large page is compressed if the client accepts gzip, a small one never."""
    _, headers, body = ask("/large", accept_encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Length"] == str(len(body))
    assert gzip.decompress(body) == b"ab" * 5000
    assert ask("/large")[2] == b"ab" * 5000
    assert "Content-Encoding" not in ask("/small", accept_encoding="gzip")[1]


def test_pages_see_what_is_accepted_and_asked() -> None:
    """A page is given the Accept header and the query."""
    assert ask("/accept", accept="text/plain")[2] == b"text/plain"
    assert ask("/choosy", query="window=1&window=60")[2] == b"well chosen"


def test_other_paths_are_not_found_and_shown_the_way() -> None:
    """A wrong path is a 404 that lists the right ones; / lists them too; a slash at the end is forgiven."""
    status, _, body = ask("/metric")
    assert status == "404 Not Found"
    assert body.decode() == "There is no /metric here, but:\n/small\n/large\n/accept\n/broken\n/choosy\n"
    assert ask("/")[::2] == ("200 OK", b"/small\n/large\n/accept\n/broken\n/choosy\n")
    assert ask("/small/")[0] == "200 OK"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(method: str) -> None:
    """Any method but GET and HEAD is refused."""
    status, headers, _ = ask("/small", method)
    assert (status, headers["Allow"]) == ("405 Method Not Allowed", "GET, HEAD")


def test_a_wrong_question_is_answered_with_what_would_do() -> None:
    """What a page refuses as set up wrongly is the client's error, with the message."""
    status, _, body = ask("/choosy", query="window=x")
    assert (status, body.decode()) == ("400 Bad Request", "{'window': 'x'}; give window=60\n")


def test_a_page_that_fails_says_only_that() -> None:
    """A failure of ours is a 500 without details, and is counted."""
    _guard.forget()
    status, _, body = ask("/broken")
    assert (status, b"sk-123" in body) == ("500 Internal Server Error", False)
    assert _guard.failures() == {"server": 1}


def test_answers_carry_their_status() -> None:
    """A page may answer with another status than 200."""
    assert Answer("", status=HTTPStatus.SERVICE_UNAVAILABLE).status == 503
