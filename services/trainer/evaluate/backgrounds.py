"""Backgrounds: how well the border of a picture alone tells its class. Pure.

The border and, for comparison, the middle are told from other classes by linear discriminant
analysis on coarse colours and contrasts, learned on one half of the pictures, tried on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.trainer.data.sketch import SIDE, Sketches

Values = NDArray[np.float64]

FALSE_SHARE: Final = 0.02
_GRID: Final = 8  # blocks a side; the border is one block wide
_SHRINKAGE: Final = 0.1


@dataclass(frozen=True)
class Background:
    """Shares of a class that are told at FALSE_SHARE false alarms by the border and by the
    middle; `scores` says for each picture how far its border goes that way."""

    border: float
    middle: float
    scores: Values


def look_around(own: Sketches, others: Sketches) -> Background:
    """Compare a class with others, sketches in random order, two or more of each."""
    mine, theirs = _blocks(own), _blocks(others)
    ring = np.ones((_GRID, _GRID), bool)
    ring[1:-1, 1:-1] = False
    core = np.zeros((_GRID, _GRID), bool)
    core[2:-2, 2:-2] = True
    border = mine[:, ring].reshape(len(own), -1), theirs[:, ring].reshape(len(others), -1)
    middle = mine[:, core].reshape(len(own), -1), theirs[:, core].reshape(len(others), -1)
    return Background(_told(*border), _told(*middle), border[0] @ _direction(*border))


def _told(own: Values, others: Values) -> float:
    """The share of the class that scores above all but FALSE_SHARE of the others, held out."""
    hits = 0
    for half in (0, 1):
        direction = _direction(own[half::2], others[half::2])
        mine, theirs = own[1 - half :: 2] @ direction, others[1 - half :: 2] @ direction
        threshold = np.sort(theirs)[::-1][int(FALSE_SHARE * len(theirs))]
        hits += int((mine > threshold).sum())
    return hits / len(own)


def _direction(own: Values, others: Values) -> Values:
    """C^-1 (m - m') with the pooled covariance C, a part of its mean variance on the diagonal."""
    means = own.mean(0), others.mean(0)
    centred = np.concatenate([own - means[0], others - means[1]])
    pooled = centred.T @ centred / max(1, len(centred) - 2)
    pooled += np.eye(len(pooled)) * (_SHRINKAGE * np.trace(pooled) / len(pooled) + 1)
    return np.asarray(np.linalg.solve(pooled, means[0] - means[1]), np.float64)


def _blocks(sketches: Sketches) -> Values:
    """Mean colour and contrast of blocks, [n, _GRID, _GRID, 4]."""
    n, cell = len(sketches), SIDE // _GRID
    cells = sketches.reshape(n, _GRID, cell, _GRID, cell, 3).astype(np.float64)
    contrast = cells.mean(-1).std((2, 4))[..., None]
    return np.concatenate([cells.mean((2, 4)), 2 * contrast], -1)
