"""What the copies of a picture keep: few numbers that crops, flips and JPEG hardly change. Pure.

Linear discriminant analysis (Fisher, 1936) with every picture as a class of its own: altered copies
of some pictures are made from their sketches, and those directions are kept in which different
pictures differ most for what copies of one differ by. A distance is then in units of that
difference, and the directions come from the data at hand, not from a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from services.trainer.data.sketch import SIDE, Sketches
from services.trainer.data.warp import Warps, warped

Floats = NDArray[np.float32]

DIRECTIONS: Final = 64
CROP: Final = 0.1
"""The share of a side that a copy may lack."""
_GRID: Final = 8  # cells a side that a sketch is averaged to
_LEARNED_FROM: Final = 1_500
_COPIES: Final = 6
_NOISE: Final = 4.0  # levels: what JPEG at low quality does to a cell of a small picture
_RIDGE: Final = 0.02


@dataclass(frozen=True)
class Keepsakes:
    """A linear map from sketches to vectors [n, at most DIRECTIONS], blind to a flip."""

    directions: NDArray[np.float64]
    centre: NDArray[np.float64]

    def of(self, sketches: NDArray[np.generic]) -> Floats:
        """The vectors of sketches [n, SIDE, SIDE, 3] of any number type."""
        found: Floats = ((_features(sketches) - self.centre) @ self.directions).astype(np.float32)
        return found


def learn(sketches: Sketches, *, crop: float, seed: int = 0) -> Keepsakes:
    """The map for a set of two pictures or more; `crop` is the largest share that a crop takes."""
    rng = np.random.default_rng(seed)
    some = rng.choice(len(sketches), min(len(sketches), _LEARNED_FROM), replace=False)
    copies = np.stack([_features(_altered(sketches[some], crop, rng)) for _ in range(_COPIES)], 1)
    means = copies.mean(1)
    width = copies.shape[2]
    inner = (copies - means[:, None]).reshape(-1, width)
    within = inner.T @ inner / (len(some) * (_COPIES - 1))
    within += np.eye(width) * (_RIDGE * np.trace(within) / width + 1e-9)
    centre = means.mean(0)
    between = (means - centre).T @ (means - centre) / len(some)
    kept = [width - min(DIRECTIONS, width), width - 1]
    directions = scipy.linalg.eigh(between, within, subset_by_index=kept)[1]
    return Keepsakes(directions, centre)


def _altered(sketches: Sketches, crop: float, rng: np.random.Generator) -> Floats:
    """Each sketch cropped and made noisy at random; flips are no matter to the features."""
    share = rng.uniform(0, crop, (len(sketches), 2))
    side = rng.choice([-1.0, 0.0, 1.0], share.shape)
    # A window of size 1 - c whose middle is moved by up to c half widths: see warp.
    warps = np.stack([1 - share, side * share], 2).reshape(-1, 4).astype(np.float32)
    return warped(sketches.astype(np.float32), warps) + rng.normal(
        0, _NOISE, sketches.shape
    ).astype(np.float32)


def _features(sketches: NDArray[np.generic]) -> NDArray[np.float64]:
    """Brightness and two colour differences on a coarse grid, made even in x, by contrast."""
    n, cell = len(sketches), SIDE // _GRID
    cells = sketches.reshape(n, _GRID, cell, _GRID, cell, 3).mean((2, 4), dtype=np.float64)
    red, green, blue = cells[..., 0], cells[..., 1], cells[..., 2]
    bright = cells.mean(-1)
    opponent = np.stack([bright, red - blue, green - (red + blue) / 2], -1)
    even = opponent[:, :, : _GRID // 2] + opponent[:, :, : _GRID // 2 - 1 : -1]
    contrast = bright.reshape(n, -1).std(1) + _NOISE
    return np.asarray(even.reshape(n, -1) / contrast[:, None])


def crops() -> Warps:
    """The crops to look for, [9, 4]: none or CROP off either end, in x and in y."""
    ends = ((1.0, 0.0), (1 - CROP, -CROP), (1 - CROP, CROP))
    return np.array([(*x, *y) for x in ends for y in ends], np.float32)
