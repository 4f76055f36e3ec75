"""What a detector shall answer at each cell, from the boxes of a view. Pure.

As in "Training-Time-Friendly Network" (Liu et al., 2020): around the middle of a thing lies a bell
curve whose width goes with the box, and the cells under it learn the box, the more the nearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.trainer.detection.views import Seen

SPREAD: Final = 0.54 / 6
"""The standard deviation of the bell, of the side of the box (alpha = 0.54 in the paper)."""

LEAST_SPREAD: Final = 0.35
"""The same in cells, at least."""

LEARNS: Final = 0.1
"""Cells where the bell is higher than this learn the box."""

_Floats = NDArray[np.float32]
_Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Of n views on a grid of g x g cells: `heat` [n, g, g, c], 1 at the middle of a thing;
    `boxes` [n, g, g, 4], shares of the view; `weights` [n, g, g], of the cells that learn a box;
    `counted` [n, g, g], 0 where nothing is said about labels."""

    heat: _Floats
    boxes: _Floats
    weights: _Floats
    counted: _Floats


def make_targets(views: list[Seen], cells: int, labels: int) -> Targets:
    """The targets of some views."""
    made = Targets(
        np.zeros((len(views), cells, cells, labels), np.float32),
        np.zeros((len(views), cells, cells, 4), np.float32),
        np.zeros((len(views), cells, cells), np.float32),
        np.ones((len(views), cells, cells), np.float32),
    )
    middle = (np.arange(cells) + 0.5) / cells
    for number, seen in enumerate(views):
        for box in seen.ignore:
            inside = _within(middle, box[1], box[3])[:, None] & _within(middle, box[0], box[2])
            made.counted[number][inside] = 0
        sides = seen.boxes[:, 2:] - seen.boxes[:, :2]
        for index in np.argsort(-sides.prod(axis=1)):  # of a cell under two, the smaller thing's
            _draw(made, number, middle, seen.boxes[index], int(seen.labels[index]))
    return made


def _draw(
    made: Targets, number: int, middle: NDArray[np.float64], box: NDArray[np.float64], label: int
) -> None:
    cells = len(middle)
    centre, side = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    column, row = np.minimum((centre * cells).astype(int), cells - 1)
    across, down = np.maximum(SPREAD * side, LEAST_SPREAD / cells)
    bell = np.exp(
        -((middle[None, :] - middle[column]) ** 2) / (2 * across**2)
        - (middle[:, None] - middle[row]) ** 2 / (2 * down**2)
    )
    heat = made.heat[number, :, :, label]
    np.maximum(heat, bell, out=heat, casting="same_kind")
    learns = bell > LEARNS
    share = np.log1p(side.prod() * cells**2) / bell[learns].sum()
    made.boxes[number][learns] = box
    made.weights[number][learns] = (share * bell)[learns]
    made.counted[number, row, column] = 1


def _within(middle: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    return (middle >= low) & (middle <= high)
