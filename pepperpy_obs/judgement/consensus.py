"""Whether the latest moves of a series are like none that it has made before: the consensus of small k-means models.

The method of Netdata's anomaly detection (github.com/netdata/netdata, src/ml): the first difference of the series,
smoothed over three steps, six of them at a time, against models of two centres each. Each model has learned from
another stretch of the past; a point is odd only if all of them say so: what was usual at any time of the latest days
is usual. Here a model is learned from 144 points, a new one every 72, and the latest 18 are kept. How far a point has
to be from the nearer centre is a tenth more than the farthest that the model has learned from: on labelled series of
others (docs/anomalies.md) that gives a third of the false alarms of Netdata's 0.99.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import sqrt
from typing import Final

__all__ = ["Consensus"]

_LAGS: Final = 6
_SMOOTHED: Final = 3
_LEARNED: Final = 144
"""Points that a model is learned from."""
_EVERY: Final = 72
_MODELS: Final = 18
_FEW: Final = 3
"""Models before anything is said."""
_TRAINED: Final = 72
"""Vectors that a model is learned from, at most: every other one says as much."""
_ROUNDS: Final = 4
_BEYOND: Final = 1.1
_SIZE: Final = 2 * _LAGS + 1
"""Numbers of a model: two centres, and the square of the distance beyond which a point is odd."""

_Vector = Sequence[float]


class Consensus:
    """The models of one series. About 2 kB."""

    __slots__ = ("_last", "_models", "_moves", "_next", "_recent", "_steps")

    def __init__(self) -> None:
        self._last: float | None = None
        self._recent: list[float] = []
        self._moves = array("f")
        self._models = array("f")
        self._next = self._steps = 0

    def is_odd(self, value: float) -> bool:
        """Take the next value, and return whether all models say that it came about in no known way."""
        last, self._last = self._last, value
        if last is None:
            return False
        recent = self._recent
        recent.append(value - last)
        if len(recent) < _SMOOTHED:
            return False
        self._moves.append(sum(recent) / _SMOOTHED)
        del recent[0]
        self._steps += 1
        if len(self._moves) < _LAGS:
            return False
        found = self._is_new(self._moves[-_LAGS:])
        if self._steps % _EVERY == 0 and len(self._moves) >= _LEARNED // 2:
            self._learn()
        if len(self._moves) > _LEARNED + _LAGS:
            del self._moves[:-_LEARNED]
        return found

    def _is_new(self, vector: _Vector) -> bool:
        models = self._models
        count = len(models) // _SIZE
        if count < _FEW:
            return False
        a, b, c, d, e, f = vector
        # The newest model knows most of what comes.
        for back in range(1, count + 1):
            begin = (self._next - back) % count * _SIZE
            g, h, i, j, k, m, n, o, p, q, r, s, most = models[begin : begin + _SIZE]
            if (
                (a - g) ** 2 + (b - h) ** 2 + (c - i) ** 2 + (d - j) ** 2 + (e - k) ** 2 + (f - m) ** 2 <= most
                or (a - n) ** 2 + (b - o) ** 2 + (c - p) ** 2 + (d - q) ** 2 + (e - r) ** 2 + (f - s) ** 2 <= most
            ):  # fmt: skip
                return False
        return True

    def _learn(self) -> None:
        moves = self._moves[-_LEARNED:]
        step = -(-len(moves) // _TRAINED)
        vectors = [moves[begin : begin + _LAGS] for begin in range(0, len(moves) - _LAGS + 1, step)]
        model = array("f", _model(vectors))
        begin = self._next % _MODELS * _SIZE
        if begin == len(self._models):
            self._models.extend(model)
        else:
            self._models[begin : begin + _SIZE] = model
        self._next = (self._next + 1) % _MODELS


def _model(vectors: Sequence[_Vector]) -> list[float]:
    """Return two centres of the vectors (Lloyd's algorithm), and the square of the distance beyond which one is odd."""
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
    least, most = min(distances), max(distances)
    return [*one, *two, (least + _BEYOND * (most - least)) ** 2]


def _square(one: _Vector, two: _Vector) -> float:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = two
    return (a - g) ** 2 + (b - h) ** 2 + (c - i) ** 2 + (d - j) ** 2 + (e - k) ** 2 + (f - m) ** 2
