"""How maps of several strides come onto the one grid of cells that a detector answers on.

A finer map is folded: the positions that lie in one cell become further channels of it, so that
nothing of it is lost. A coarser one is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", np.float16, np.float32)


@dataclass(frozen=True, slots=True)
class Fold:
    """How one map comes onto the grid: `finer` positions a side make a cell, or a position covers
    `coarser` cells a side; one of the two is 1."""

    finer: int
    coarser: int

    @classmethod
    def of(cls, stride: int, cell: int) -> Fold:
        """The fold of a map of this stride for cells of `cell` pixels, both powers of two."""
        return cls(max(1, cell // stride), max(1, stride // cell))

    def channels(self, channels: int) -> int:
        """How many channels a cell gets of a map with so many."""
        return channels * self.finer**2

    def __call__(self, maps: NDArray[F]) -> NDArray[F]:
        """`[n, h, w, c]` -> `[n, cells, cells, channels(c)]`; the channels of a cell go by
        row and column of the position in it, then by channel."""
        if self.coarser > 1:
            return maps.repeat(self.coarser, axis=1).repeat(self.coarser, axis=2)
        if self.finer == 1:
            return maps
        n, height, width, channels = maps.shape
        side = self.finer
        parts = maps.reshape(n, height // side, side, width // side, side, channels)
        return np.ascontiguousarray(parts.transpose(0, 1, 3, 2, 4, 5)).reshape(
            n, height // side, width // side, side * side * channels
        )
