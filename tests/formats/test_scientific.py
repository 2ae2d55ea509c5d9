from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from pepperpy_obs.formats.lines import encode


def stand_in(library: str, name: str, text: str, *bases: type) -> Any:
    """Return a value of a class that is called like one of a library's: its name is all that is looked at."""
    kind = type(name, bases, {"__module__": library, "__bool__": lambda _: text == "True", "__str__": lambda _: text})
    return kind.__new__(kind, *((2026, 1, 1) if datetime in bases else ()))


STAND_INS = SimpleNamespace(
    yes=stand_in("numpy", "bool_", "True"),
    no=stand_in("numpy", "bool", "False"),
    day=stand_in("numpy", "datetime64", "2026-01-01"),
    never=stand_in("numpy", "datetime64", "NaT"),
    missing_time=stand_in("pandas._libs.tslibs.nattype", "NaTType", "NaT", datetime),
    missing=stand_in("pandas._libs.missing", "NAType", "<NA>"),
)


def test_values_of_numpy_and_pandas() -> None:
    """A numpy boolean is a boolean, in a list too; NaT and NA are absent as NaN is, and null in a list."""
    given = STAND_INS
    fields = vars(given) | {"nested": {"all": [given.yes, given.missing, given.no], "none": given.never}}
    assert encode(fields) == b'{"yes":true,"no":false,"day":"2026-01-01","nested":{"all":[true,null,false]}}'
