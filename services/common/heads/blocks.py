"""From the joined vectors of several endpoints to the features that a head works on.

Each block (the vector of one endpoint) is brought to a length of its own, so that none drowns the
others; a block that is never negative (averages of rectified activations) may have its root taken
first, which evens out the few large values among them (the Hellinger map: Arandjelovic and
Zisserman, 2012, "Three things everyone should know to improve object retrieval").

Where items have an image and a text, either may be missing: its blocks come as zeros, and the mean
of the examples' features stands in for them. To a linear head that is no evidence either way: its
answer is the one expected of what is not known (mean imputation; Little and Rubin, Statistical
Analysis with Missing Data). Zeros would be evidence, since lengths of 1 lie far from the origin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from graft.errors import DataLoss
from services.common.heads.base import Arrays, Floats, l2_normalise, take

BLOCKS = "blocks"
ABSENT = "blocks_absent"


@dataclass(frozen=True)
class Block:
    """The next `dim` numbers of a vector. `length`: what they are scaled to; 0 leaves them as they
    are. `root`: whether the root of each (its sign kept) is taken first."""

    dim: int
    length: float = 1.0
    root: bool = False


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of a joined vector, in their order. `absent` float32 `[dim]`: the features that
    stand in for a block of zeros; None where none can be missing, and zeros are features."""

    blocks: tuple[Block, ...]
    absent: Floats | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Blocks) or self.blocks != other.blocks:
            return False
        if self.absent is None or other.absent is None:
            return self.absent is other.absent
        return np.array_equal(self.absent, other.absent)

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

        A block of zeros stays zero unless it is taken for a missing one; one that is too long for
        float32 becomes NaN.
        """
        parts = []
        for block, place in self.places():
            part = _features(x[:, place], block)
            if self.absent is not None:
                part = np.where(x[:, place].any(axis=1, keepdims=True), part, self.absent[place])
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def lacking(self, x: Floats) -> NDArray[np.bool_]:
        """Which of the vectors `[n, dim]` have a block missing, `[n]`; none where none can be."""
        found = np.zeros(len(x), np.bool_)
        if self.absent is not None:
            for _, place in self.places():
                found |= ~x[:, place].any(axis=1)
        return found

    def places(self) -> Iterator[tuple[Block, slice]]:
        """Each block, and where its numbers stand in a joined vector."""
        start = 0
        for block in self.blocks:
            yield block, slice(start, start + block.dim)
            start += block.dim

    def with_absent(self, x: Floats) -> Self:
        """The same blocks with the mean features of the vectors `x` `[n, dim]` for missing ones.
        Block by block it is taken over those that have it; zeros where none has."""
        means = []
        for block, place in self.places():
            having = x[x[:, place].any(axis=1), place]
            found = _features(having, block).mean(axis=0, dtype=np.float64) if len(having) else None
            means.append(np.zeros(block.dim) if found is None else found)
        return replace(self, absent=np.concatenate(means).astype(np.float32))

    def to_arrays(self) -> Arrays:
        """Float32 `[blocks, 3]`: length of the vector, length scaled to, root taken; with `absent`
        `[blocks, 4]`, a last column of ones saying that it is beside them."""
        rows = np.array([[b.dim, b.length, b.root] for b in self.blocks], np.float32)
        if self.absent is None:
            return {BLOCKS: rows}
        ones = np.ones((len(rows), 1), np.float32)
        return {BLOCKS: np.concatenate([rows, ones], axis=1), ABSENT: self.absent}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`; DataLoss when the array does not fit."""
        shape = arrays[BLOCKS].shape if BLOCKS in arrays else ()
        lacking = len(shape) == 2 and shape[1] == 4
        rows = take(arrays, BLOCKS, -1, 3 + lacking)
        if not len(rows) or (rows < 0).any() or (rows[:, 0] < 1).any():
            raise DataLoss(f"the array {BLOCKS!r} of a head names no blocks; train again")
        made = cls(tuple(Block(int(row[0]), float(row[1]), bool(row[2])) for row in rows))
        return replace(made, absent=take(arrays, ABSENT, made.dim)) if lacking else made


def _features(x: Floats, block: Block) -> Floats:
    rooted = np.copysign(np.sqrt(np.abs(x)), x) if block.root else x
    if not block.length:
        return rooted
    unit = l2_normalise(rooted)
    return unit if block.length == 1 else unit * np.float32(block.length)
