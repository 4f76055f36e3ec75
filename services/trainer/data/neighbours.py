"""The nearest of many vectors, by plain matrix products in bounded memory. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

MAX_BLOCK: Final = 1 << 24
"""Distances held at once: 64 MiB, and as much again for the views compared."""


@dataclass(frozen=True)
class Neighbours:
    """Of each row its nearest, nearest first, all [rows, count]: which, under which view, and the
    squared distance."""

    other: Indices
    view: Indices
    distance: Floats


def nearest(
    views: Sequence[Floats], base: Floats, count: int, *, apart: bool = False
) -> Neighbours:
    """The `count` nearest of `base` [m, d] to each row under its best view, views[v] [n, d].

    `apart` says that rows and base are the same set, so that row i is not its own neighbour.
    Costs n x m x d x views multiplications.
    """
    rows = len(views[0])
    count = max(0, min(count, len(base) - apart))
    other = np.zeros((rows, count), np.int64)
    found = Neighbours(other, np.zeros_like(other), np.zeros(other.shape, np.float32))
    if not count:
        return found
    step = max(1, MAX_BLOCK // len(base))
    for start in range(0, rows, step):
        block = slice(start, min(start + step, rows))
        best, at = _best_view([each[block] for each in views], base)
        if apart:
            best[np.arange(len(best)), np.arange(block.start, block.stop)] = np.inf
        some = _smallest(best, count)
        found.other[block] = some
        found.view[block] = np.take_along_axis(at, some, 1)
        found.distance[block] = np.take_along_axis(best, some, 1)
    return found


def _best_view(views: Sequence[Floats], base: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """The squared distance under the nearest view, and which view that is; both [n, m]."""
    squares = (base * base).sum(1)
    best = np.full((len(views[0]), len(base)), np.inf, np.float32)
    at = np.zeros(best.shape, np.int8)
    for number, rows in enumerate(views):
        distance = rows @ (-2 * base.T)
        distance += squares
        distance += (rows * rows).sum(1)[:, None]
        if len(views) == 1:
            return distance, at
        at[distance < best] = number
        np.minimum(best, distance, out=best)
    return best, at


def _smallest(values: Floats, count: int) -> Indices:
    """Where the smallest of each row stand, smallest first, [rows, count]."""
    some = np.argpartition(values, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(values, some, 1), axis=1, kind="stable")
    return np.take_along_axis(some, order, 1)
