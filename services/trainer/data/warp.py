"""Crops and stretches of sketches, many at once. Pure.

A warp is four numbers (sx, tx, sy, ty): the new picture shows at (x, y), each -1 to 1 from edge to
edge, what the old one shows at (sx x + tx, sy y + ty), between cells by linear interpolation.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.trainer.data.sketch import SIDE, Sketches

Floats = NDArray[np.float32]
Warps = NDArray[np.float32]

_HALF: Final = SIDE / 2
PLACES: Final = ((np.arange(SIDE) - (_HALF - 0.5)) / _HALF).astype(np.float32)
"""The middles of the cells, -1 to 1 from edge to edge, [SIDE]."""
_CELLS: Final = np.arange(SIDE, dtype=np.float32)


def warped(pictures: Floats, warps: Warps) -> Floats:
    """The pictures [n, SIDE, SIDE] or [n, SIDE, SIDE, 3] under the warps [n, 4]."""
    across, down = _weights(warps[:, :2]).transpose(0, 2, 1), _weights(warps[:, 2:])
    if pictures.ndim == 3:
        found: Floats = np.matmul(np.matmul(down, pictures), across)
        return found
    return np.stack([warped(pictures[..., layer], warps) for layer in range(3)], -1)


def cropped(sketches: Sketches, warp: Warps) -> Floats:
    """All sketches [n, SIDE, SIDE, 3] under one warp [4]."""
    return warped(sketches.astype(np.float32), np.tile(warp, (len(sketches), 1)))


def visible(warps: Warps) -> Floats:
    """1 where the new picture lies on the old one, else 0, float32 [n, SIDE, SIDE]."""
    x, y = _cells(warps[:, :2]), _cells(warps[:, 2:])
    inside = [(at > -0.25) & (at < SIDE - 0.75) for at in (x, y)]
    seen: Floats = (inside[1][:, :, None] & inside[0][:, None, :]).astype(np.float32)
    return seen


def _cells(axis: Floats) -> Floats:
    """Where each new cell lies among the old ones, [n, SIDE], for scale and offset [n, 2]."""
    found: Floats = _HALF - 0.5 + _HALF * (axis[:, :1] * PLACES + axis[:, 1:])
    return found


def _weights(axis: Floats) -> Floats:
    """How much of each old cell is in each new one, [n, new, old]; none of what lies outside."""
    found: Floats = np.maximum(0, 1 - np.abs(_cells(axis)[:, :, None] - _CELLS))
    return found
