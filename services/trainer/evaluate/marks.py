"""Marks: a spot that looks the same in the pictures of one class and unlike all others. Pure.

A logo, a watermark, a time stamp. In small windows, each picture is scored by how far its fine
detail goes the way from the others' median to the class's (linear discriminant analysis with the
variances alone; both from one half of the pictures, the score of the other half). What counts is
the share of the class that scores higher than all but 2% of the others: the window alone tells
them. A natural difference tells a little in many windows, a mark much in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from services.trainer.data.sketch import SIDE

Floats = NDArray[np.float32]

FEWEST: Final = 8
"""Pictures of the class, and OTHERS others, without which nothing can be said."""
OTHERS: Final = 20
FALSE_SHARE: Final = 0.02
_SIZES: Final = (2, 3, 4)  # cells: a window of 6 to 12% of the width
_LEAST: Final = 0.3
_LEAST_GAP: Final = 0.15
_STANDS_OUT: Final = 2.58  # standard errors, one chance in 200 on one side
_AROUND: Final = 4  # cells beside a mark that it changes: blur, and a window that laps over
_CORE: Final = 0.75  # of the best share; windows with more belong to the mark
_LEVELS: Final = 4.0  # what JPEG does to a cell: no spread is smaller
_LEARNED_FROM: Final = 64  # others: medians of more are hardly better, and cost the most time
_NORMAL_MAD: Final = 1.4826
_MARGIN: Final = 0.02  # of the threshold: ties are no hits
_DETAIL: Final = (3, 5)  # cells: detail is what differs from the mean of so many around


@dataclass(frozen=True)
class Mark:
    """Where it is, in cells: rows `top` to `bottom`, columns `left` to `right`, ends excluded.

    `share` of the class is told by it, against `elsewhere` by the best other place. `scores` says
    for each picture of the class how much it shows of it.
    """

    top: int
    bottom: int
    left: int
    right: int
    share: float
    elsewhere: float
    scores: Floats


def detail(sketches: NDArray[np.uint8]) -> Floats:
    """What marks are looked for in, float32 [n, SIDE, SIDE, 6]: fine and finer detail."""
    levels = sketches.astype(np.float32)
    return np.concatenate([levels - _mean_around(levels, width) for width in _DETAIL], -1)


def find_mark(own: Floats, others: Floats) -> Mark | None:
    """The mark of a class, from the detail of its pictures and of others, in random order."""
    if len(own) < FEWEST or len(others) < OTHERS:
        return None
    shares = _shares(own, others)
    size = max(_SIZES, key=lambda each: float(shares[each].max()))
    best = float(shares[size].max())
    core, box = _core(shares[size], size)
    elsewhere = _elsewhere(shares, core)
    if not stands_out(best, elsewhere, len(own)):
        return None
    top, bottom, left, right = box
    at = np.unravel_index(int(shares[size].argmax()), shares[size].shape)
    scores = _windows((own * _weights(own, others)).sum(-1), size)[:, at[0], at[1]]
    return Mark(top, bottom, left, right, best, elsewhere, scores)


def stands_out(best: float, elsewhere: float, count: int) -> bool:
    """Whether a share of `count` pictures is so much larger than another that it is no accident."""
    if best < _LEAST or best - elsewhere < _LEAST_GAP:
        return False
    mean = (best + elsewhere) / 2
    error = np.sqrt(2 * mean * (1 - mean) / count)
    return bool(best - elsewhere >= _STANDS_OUT * error)


def _shares(own: Floats, others: Floats) -> dict[int, NDArray[np.float64]]:
    """By size of window: of each, by its upper left cell, the share of the class that it tells."""
    hits = {size: np.zeros((SIDE + 1 - size,) * 2) for size in _SIZES}
    for half in (0, 1):
        weights = _weights(own[half::2], others[half::2])
        mine = (own[1 - half :: 2] * weights).sum(-1)
        theirs = (others[1 - half :: 2] * weights).sum(-1)
        for size in _SIZES:
            hits[size] += _hits(_windows(mine, size), _windows(theirs, size))
    return {size: found / len(own) for size, found in hits.items()}


def _hits(mine: Floats, theirs: Floats) -> NDArray[np.int64]:
    rank = int(FALSE_SHARE * len(theirs))
    threshold = -np.partition(-theirs, rank, axis=0)[rank]
    threshold = threshold + _MARGIN * np.abs(threshold) + 1e-3
    return np.asarray((mine > threshold).sum(0), np.int64)


def _weights(own: Floats, others: Floats) -> Floats:
    """By cell and channel: (m - m') / (s s'), medians m and spreads s of the class and others."""
    middle, spread = _robust(own)
    middle_others, spread_others = _robust(others[:_LEARNED_FROM])
    found: Floats = (middle - middle_others) / (spread * spread_others)
    return found


def _robust(values: Floats) -> tuple[Floats, Floats]:
    middle = np.median(values, 0)
    spread = _NORMAL_MAD * np.median(np.abs(values - middle), 0)
    return middle, np.maximum(spread, _LEVELS)


def _core(shares: NDArray[np.float64], size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Rows and columns of cells, (top, bottom, left, right): all that the windows around the best
    one cover, and what most of them have in common."""
    labels, _ = ndimage.label(shares >= _CORE * shares.max())
    where = np.unravel_index(int(shares.argmax()), shares.shape)
    windows = (labels == labels[where]).astype(np.float64)
    cover = np.zeros((SIDE, SIDE))
    for row in range(size):
        for column in range(size):
            cover[row : row + len(windows), column : column + len(windows)] += windows
    return _box(cover > 0), _box(cover > cover.max() / 2)


def _box(cells: NDArray[np.bool_]) -> tuple[int, ...]:
    rows, columns = np.flatnonzero(cells.any(1)), np.flatnonzero(cells.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _elsewhere(shares: Mapping[int, NDArray[np.float64]], core: tuple[int, ...]) -> float:
    """The best share of a window well apart from the core; 1 where there is no such window."""
    top, bottom, left, right = core
    best = []
    for size, found in shares.items():
        start = np.arange(len(found))
        above_or_below = (start >= bottom + _AROUND) | (start + size <= top - _AROUND)
        beside = (start >= right + _AROUND) | (start + size <= left - _AROUND)
        best += found[above_or_below[:, None] | beside[None, :]].tolist()
    return max(best, default=1.0)


def _windows(values: Floats, size: int) -> Floats:
    """Sums over all windows of size x size cells, [n, SIDE + 1 - size, SIDE + 1 - size]."""
    total = np.pad(values.astype(np.float64), ((0, 0), (1, 0), (1, 0))).cumsum(1).cumsum(2)
    rows = total[:, size:] - total[:, :-size]
    return np.asarray(rows[:, :, size:] - rows[:, :, :-size], np.float32)


def _mean_around(levels: Floats, width: int) -> Floats:
    return np.asarray(
        ndimage.uniform_filter(levels, (0, width, width, 0), mode="nearest"), np.float32
    )
