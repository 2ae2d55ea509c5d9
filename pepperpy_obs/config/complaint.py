"""What is said about a setting that is not acceptable: where it came from, what it was, what would do.

A secret is never repeated: not by name, by type, nor within a URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pydantic import SecretBytes, SecretStr

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo

__all__ = ["complain"]

_SECRET_NAME: Final = re.compile(r"(?:password|secret|token|key|authorization|headers|notifiers)$")
_PRIVATE: Final = re.compile(r"(?<=://)[^/\s]*(?=@)|(?<=[?#])[^'\"\s]+")
"""Of a URL: the user, and the parts that often hold a token."""
_PREFIX: Final = re.compile(r"^(?:Input|Value error,) | for <class '[^']*'>")
_LONGEST: Final = 80


def complain(error: ValidationError, fields: Mapping[str, FieldInfo], origins: Mapping[str, str]) -> str:
    """Return one line for each value that was refused."""
    lines: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_context=False):
        name = str(detail["loc"][0])
        given = f"{origins[name]}: {name} was given as {_shown(name, detail['input'], fields[name])}"
        # A field of several types is refused once for each of them: the first is the one that people think of.
        lines.setdefault(given, f"{given}; it {_PREFIX.sub('', detail['msg'])} ({fields[name].description})")
    return "\n".join(lines.values())


def _shown(name: str, value: object, field: FieldInfo) -> str:
    """Return `value` as it may be shown in an error, which people without access to the setting may read."""
    if _SECRET_NAME.search(name) or isinstance(value, SecretStr | SecretBytes) or "Secret" in str(field.annotation):
        return "(a secret, not shown)"
    text = _PRIVATE.sub("...", repr(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
