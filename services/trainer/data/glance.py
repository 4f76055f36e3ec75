"""A first look at pairs of sketches: how alike they are as one crop of the other, roughly. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.trainer.data.keepsakes import crops
from services.trainer.data.sketch import SIDE, Sketches

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

GRID: Final = 16
CHUNK: Final = 1_024  # pairs looked at together: some 10 MB
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)
_NOISE: Final = 1.0  # levels: pictures that differ less within themselves are like none


@dataclass(frozen=True)
class Glance:
    """What was seen of pairs, [m] each.

    `likeness` is the largest correlation of grey. It is reached when `whole` is cropped by
    `crops()[crop]` and laid on `part`, mirrored where `mirrored` says so; whole and part are the
    two of the pair, in one order or the other.
    """

    whole: Indices
    part: Indices
    likeness: Floats
    crop: Indices
    mirrored: NDArray[np.bool_]

    def some(self, kept: Indices) -> Glance:
        """What was seen of the pairs at these positions."""
        return Glance(
            self.whole[kept],
            self.part[kept],
            self.likeness[kept],
            self.crop[kept],
            self.mirrored[kept],
        )


def glance(sketches: Sketches, first: Indices, second: Indices) -> Glance:
    """Look at pairs of sketches [n, SIDE, SIDE, 3]: either way round, under every crop, mirrored
    and not."""
    parts = [
        _glance(sketches, first[start : start + CHUNK], second[start : start + CHUNK])
        for start in range(0, max(len(first), 1), CHUNK)
    ]
    return Glance(
        np.concatenate([each.whole for each in parts]),
        np.concatenate([each.part for each in parts]),
        np.concatenate([each.likeness for each in parts]),
        np.concatenate([each.crop for each in parts]),
        np.concatenate([each.mirrored for each in parts]),
    )


def _glance(sketches: Sketches, first: Indices, second: Indices) -> Glance:
    a, b = _small(sketches[first]), _small(sketches[second])
    ways = np.concatenate([_ways(a, b), _ways(b, a)])
    best = ways.argmax(0)
    back, way = np.divmod(best, len(ways) // 2)
    return Glance(
        np.where(back == 1, second, first),
        np.where(back == 1, first, second),
        ways[best, np.arange(len(first))],
        way // 2,
        way % 2 == 1,
    )


def _ways(whole: Floats, part: Floats) -> Floats:
    """The correlation [2 x crops, m]: under each crop as it is, then mirrored."""
    part = _unit(part)
    plain, mirrored = part.reshape(-1, GRID**2), part[:, :, ::-1].reshape(-1, GRID**2)
    rows = []
    for across, down in _CROPS:
        seen = _unit(np.matmul(np.matmul(down, whole), across)).reshape(-1, GRID**2)
        rows += [(seen * plain).sum(1), (seen * mirrored).sum(1)]
    return np.stack(rows)


def _unit(pictures: Floats) -> Floats:
    """Mean 0 and length 1, or nearly 0 where there is no contrast; [m, GRID, GRID]."""
    centred = pictures - pictures.mean((1, 2), keepdims=True)
    energy = (centred * centred).sum((1, 2), keepdims=True)
    return np.asarray(centred / np.sqrt(energy + (_NOISE * GRID) ** 2), np.float32)


def _small(sketches: Sketches) -> Floats:
    """Grey at half the size, [m, GRID, GRID]."""
    cell = SIDE // GRID
    cells = sketches.reshape(-1, GRID, cell, GRID, cell, 3).mean((2, 4), dtype=np.float32)
    grey: Floats = np.matmul(cells, _GREY)
    return grey


def _operator(scale: float, offset: float) -> Floats:
    """What a crop of one axis does to a row of cells, [new, old]; by linear interpolation."""
    middle = (GRID - 1) / 2
    at = middle + scale * (np.arange(GRID) - middle) + offset * GRID / 2
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(GRID)))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


_CROPS: Final = [
    (_operator(float(sx), float(tx)).T, _operator(float(sy), float(ty)))
    for sx, tx, sy, ty in crops()
]
