"""The state that a process shows the others: all that its store holds, in bytes, and what is true of it now.

Theory. A state has a total, what is under way (the current interval, which is not in the total yet), and windows. The
total and the finest windows change every ten seconds, the coarser ones every minute or so: these are in a file of their
own, which is written first. So a reader may find coarser windows that are newer than the state; an interval that the
state's windows hold open is then taken from the finer ones, as if it were open still.

What the dead have left has the same form, in one file: the names of the processes that are in it stand there, so that
it is known after a crash which of them were taken in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from pepperpy_obs.aggregate.packed import UNREADABLE, Keys
from pepperpy_obs.aggregate.series import MetricKey, SeriesKey
from pepperpy_obs.errors import SourceError

__all__ = ["CoarseWindows", "DeadStates", "ProcessState", "decode", "encode", "keys_of", "names_of"]

_FORMAT: Final = 1

Pieces = Mapping[int, Sequence[bytes]]
Span = tuple[int | None, int | None]


class ProcessState(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one process has counted and what is true of it."""

    format: int
    pid: int
    at: int
    """When it was written, epoch ns."""
    span: Span
    """When its first and its last event were."""
    names: bytes
    """What the numbers of `total` and `current` stand for."""
    total: bytes
    current: bytes
    """The interval under way."""
    current_start: int
    window_names: bytes
    finest: Pieces
    """The windows of ten seconds, by number."""
    newest: int | None
    """When the newest interval began that is in the windows."""
    coarse_version: int
    """Of the coarser windows that belong to it."""
    live: bytes
    own: bytes


class CoarseWindows(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The coarser windows of one process."""

    format: int
    version: int
    levels: list[Pieces]


class DeadStates(msgspec.Struct, array_like=True, gc=False):
    """What all processes have left that are gone."""

    format: int = _FORMAT
    taken: dict[str, int] = {}
    """The names of the processes in it, as long as their files may be there, and when they were taken in (epoch ns)."""
    span: Span = (None, None)
    names: bytes = b""
    total: bytes = b""
    window_names: bytes = b""
    levels: list[Pieces] = []
    own: bytes = b""
    live: bytes = b""
    """Nothing runs in them; the lookups of caches that were watched stay counted."""


Kind = TypeVar("Kind", ProcessState, CoarseWindows, DeadStates)

_encode: Final = msgspec.msgpack.Encoder().encode


def encode(state: ProcessState | CoarseWindows | DeadStates) -> bytes:
    """Return it in bytes."""
    return _encode(state)


def decode(kind: type[Kind], packed: bytes, name: str) -> Kind:
    """Return what `encode` was given; SourceError for anything else, which `name` names."""
    try:
        found = msgspec.msgpack.decode(packed, type=kind)
    except UNREADABLE as error:
        msg = f"{name} is not what a process of pepperpy_obs writes into a share_directory: {error}"
        raise SourceError(msg) from error
    if found.format != _FORMAT:
        msg = f"{name} has format {found.format}, and this version of pepperpy_obs reads {_FORMAT}"
        raise SourceError(msg)
    return found


def names_of(keys: Keys) -> bytes:
    """Return what numbers stand for, in JSON: a name may hold half of a character, which MessagePack does not take."""
    metrics = [(key.name, key.kind, key.labels) for key in keys.metrics.keys]
    return json.dumps([keys.series.keys, keys.attributes.keys, metrics], separators=(",", ":")).encode()


def keys_of(names: bytes) -> Keys:
    """Return the keys that `names_of` was asked of."""
    if not names:
        return Keys()
    series, attributes, metrics = json.loads(names)
    return Keys(
        [SeriesKey(*key) for key in series],
        [(name, value) for name, value in attributes],
        [MetricKey(name, kind, tuple((label, value) for label, value in labels)) for name, kind, labels in metrics],
    )
