"""The nearest of many vectors, by plain matrix products in bounded memory. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

MAX_BLOCK: Final = 1 << 23
"""Distances held at once, twice: 64 MiB."""


def nearest(views: Sequence[Floats], base: Floats, count: int, *, apart: bool = False) -> Indices:
    """The `count` nearest of `base` [m, d] to each row, nearest first, [n, at most count].

    A row is views[v][i], v being the view that is nearest to the one it is compared with. `apart`
    says that rows and base are the same set, so that row i is not its own neighbour. Costs
    n x m x d x views multiplications.
    """
    rows = len(views[0])
    found = np.zeros((rows, max(0, min(count, len(base) - apart))), np.int64)
    if not found.size:
        return found
    step = max(1, MAX_BLOCK // len(base))
    right = _right(base)
    for start in range(0, rows, step):
        block = slice(start, min(start + step, rows))
        distance = _distance([each[block] for each in views], right)
        if apart:
            distance[np.arange(len(distance)), np.arange(block.start, block.stop)] = np.inf
        found[block] = _smallest(distance, found.shape[1])
    return found


def _distance(views: Sequence[Floats], right: Floats) -> Floats:
    """|x - y|^2 under the nearest view as one product: (-2 x, |x|^2, 1) by (y, 1, |y|^2)."""
    best: Floats | None = None
    for rows in views:
        square = (rows * rows).sum(1, keepdims=True)
        left = np.concatenate([-2 * rows, square, np.ones_like(square)], 1)
        found: Floats = np.matmul(left, right)
        best = found if best is None else np.minimum(best, found, out=best)
    if best is None:
        raise ValueError("there must be at least one view. Received: none")
    return best


def _right(base: Floats) -> Floats:
    square = (base * base).sum(1, keepdims=True)
    return np.ascontiguousarray(np.concatenate([base, np.ones_like(square), square], 1).T)


def _smallest(values: Floats, count: int) -> Indices:
    """Where the smallest of each row stand, smallest first, [rows, count]."""
    some = np.argpartition(values, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(values, some, 1), axis=1, kind="stable")
    return np.take_along_axis(some, order, 1)
