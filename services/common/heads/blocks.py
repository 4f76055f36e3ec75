"""From the joined vectors of several endpoints to the features that a head works on.

Each block (the vector of one endpoint) is brought to a length of its own, so that none drowns the
others; a block that is never negative (averages of rectified activations) may have its root taken
first, which evens out the few large values among them (the Hellinger map: Arandjelovic and
Zisserman, 2012, "Three things everyone should know to improve object retrieval").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from graft.errors import DataLoss
from services.common.heads.base import Arrays, Floats, l2_normalise, take

BLOCKS = "blocks"


@dataclass(frozen=True)
class Block:
    """The next `dim` numbers of a vector. `length`: what they are scaled to; 0 leaves them as they
    are. `root`: whether the root of each (its sign kept) is taken first."""

    dim: int
    length: float = 1.0
    root: bool = False


@dataclass(frozen=True)
class Blocks:
    """The blocks of a joined vector, in their order."""

    blocks: tuple[Block, ...]

    @classmethod
    def raw(cls, dim: int) -> Self:
        """One block that is left as it is."""
        return cls((Block(dim, 0.0),))

    @classmethod
    def unit(cls, dim: int) -> Self:
        """One block, divided by its length."""
        return cls((Block(dim),))

    @property
    def dim(self) -> int:
        """The length of a joined vector."""
        return sum(block.dim for block in self.blocks)

    def features(self, x: Floats) -> Floats:
        """The features float32 `[n, dim]` of vectors float32 `[n, dim]`.

        A block of zeros stays zero; one that is too long for float32 becomes NaN.
        """
        if len(self.blocks) == 1:
            return _features(x, self.blocks[0])
        parts, start = [], 0
        for block in self.blocks:
            parts.append(_features(x[:, start : start + block.dim], block))
            start += block.dim
        return np.concatenate(parts, axis=1)

    def to_arrays(self) -> Arrays:
        """Float32 `[blocks, 3]`: length of the vector, length scaled to, root taken."""
        rows = [[block.dim, block.length, block.root] for block in self.blocks]
        return {BLOCKS: np.array(rows, np.float32)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`; DataLoss when the array does not fit."""
        rows = take(arrays, BLOCKS, -1, 3)
        if not len(rows) or (rows < 0).any() or (rows[:, 0] < 1).any():
            raise DataLoss(f"the array {BLOCKS!r} of a head names no blocks; train again")
        return cls(tuple(Block(int(dim), float(n), bool(root)) for dim, n, root in rows))


def _features(x: Floats, block: Block) -> Floats:
    rooted = np.copysign(np.sqrt(np.abs(x)), x) if block.root else x
    if not block.length:
        return rooted
    unit = l2_normalise(rooted)
    return unit if block.length == 1 else unit * np.float32(block.length)
