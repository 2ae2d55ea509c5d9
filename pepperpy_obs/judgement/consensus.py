"""Whether the latest moves of a series are like none that it has made before: the consensus of small k-means models.

The method of Netdata's anomaly detection (github.com/netdata/netdata, src/ml): the first difference of the series,
smoothed over three steps, six of them at a time, against models of two centres each. Each model has learned from
another stretch of the past; a point is odd only if all of them say so: what was usual at any time of the latest days
is usual. Here a model is learned from 120 points, a new one every 60, and the latest 18 are kept. How far a point has
to be from the nearer centre is a share of the farthest that the model has learned from: Netdata's is 0.99 for all
series, here the detector says how much, as it learns from its own alarms.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import sqrt
from struct import Struct
from typing import Final

__all__ = ["Consensus"]

_LAGS: Final = 6
_SMOOTHED: Final = 3
_LEARNED: Final = 120
"""Points that a model is learned from."""
_EVERY: Final = 60
_MODELS: Final = 18
_FEW: Final = 3
"""Models before anything is said."""
_TRAINED: Final = 60
"""Vectors that a model is learned from, at most: every other one says as much."""
_ROUNDS: Final = 4
_TINY: Final = 1e-30
_MODEL: Final = Struct("<3f12h")
"""The unit of a model, the least and greatest distance that it has learned from, and two centres in that unit."""
_UNITS: Final = 32_000

_Vector = Sequence[float]


class Consensus:
    """The models of one series. About 2 kB."""

    __slots__ = ("_models", "_moves", "_next", "_recent", "_steps")

    def __init__(self) -> None:
        self._recent = array("d")
        self._moves = array("f")
        self._models = bytearray(_MODELS * _MODEL.size)
        self._next = self._steps = 0

    def add(self, value: float) -> None:
        """Take the next value."""
        recent = self._recent
        recent.append(value)
        if len(recent) <= _SMOOTHED:
            return
        moves = self._moves
        moves.append((value - recent.pop(0)) / _SMOOTHED)  # the mean of the latest differences
        self._steps += 1
        if self._steps % _EVERY == 0:
            self._learn()
            if len(moves) > _LEARNED - _EVERY:
                del moves[: _EVERY - _LEARNED]

    def is_new(self, beyond: float) -> bool:
        """Return whether all models say that the latest value came about in no known way.

        That is so if its moves are farther from both centres than `beyond` of the way from the least distance that was
        learned from to the greatest.
        """
        models = self._models
        count = min(self._next, _MODELS)
        if count < _FEW:
            return False
        vector = self._moves[-_LAGS:]
        # The newest model knows most of what comes.
        for back in range(1, count + 1):
            unit, least, most, *centres = _MODEL.unpack_from(models, (self._next - back) % _MODELS * _MODEL.size)
            limit = ((least + beyond * (most - least)) / unit) ** 2
            scaled = [move / unit for move in vector]
            if _square(scaled, centres[:_LAGS]) <= limit or _square(scaled, centres[_LAGS:]) <= limit:
                return False
        return True

    def _learn(self) -> None:
        moves = self._moves[-_LEARNED:]
        step = -(-len(moves) // _TRAINED)
        vectors = [moves[begin : begin + _LAGS] for begin in range(0, len(moves) - _LAGS + 1, step)]
        begin = self._next % _MODELS * _MODEL.size
        self._models[begin : begin + _MODEL.size] = _packed(*_model(vectors))
        self._next += 1


def _packed(one: _Vector, two: _Vector, least: float, most: float) -> bytes:
    unit = max(*map(abs, one), *map(abs, two), most, _TINY) / _UNITS
    return _MODEL.pack(unit, least, most, *[round(move / unit) for move in (*one, *two)])


def _model(vectors: Sequence[_Vector]) -> tuple[_Vector, _Vector, float, float]:
    """Return two centres of the vectors (Lloyd's algorithm), and the least and the greatest distance from them."""
    one: _Vector = min(vectors, key=sum)
    two: _Vector = max(vectors, key=sum)
    for _ in range(_ROUNDS):
        groups: tuple[list[_Vector], list[_Vector]] = [], []
        for vector in vectors:
            groups[_square(vector, two) < _square(vector, one)].append(vector)
        if groups[0]:
            one = [sum(column) / len(groups[0]) for column in zip(*groups[0], strict=True)]
        if groups[1]:
            two = [sum(column) / len(groups[1]) for column in zip(*groups[1], strict=True)]
    distances = [sqrt(min(_square(vector, one), _square(vector, two))) for vector in vectors]
    return one, two, min(distances), max(distances)


def _square(one: _Vector, two: _Vector) -> float:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = two
    return (a - g) ** 2 + (b - h) ** 2 + (c - i) ** 2 + (d - j) ** 2 + (e - k) ** 2 + (f - m) ** 2
