"""How much boxes overlap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def overlaps(some: Boxes, others: Boxes, crowd: Bools | None = None) -> npt.NDArray[np.float64]:
    """The overlap [n, m] of each of `some` [n, 4] with each of `others` [m, 4].

    It is the area that both cover over the area that either covers; where the other one is a
    `crowd` [m], over the area of the box itself, which is one thing of many there (COCO's rule).
    """
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum((some[:, :2] + some[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    sides = np.maximum(high - low, 0.0)
    both = sides[..., 0] * sides[..., 1]
    own = areas(some)[:, None]
    either = own + areas(others)[None, :] - both
    if crowd is not None:
        either = np.where(crowd[None, :], own, either)
    return np.asarray(both / either)


def areas(boxes: Boxes) -> npt.NDArray[np.float64]:
    """The area [n] of boxes [n, 4], in square pixels."""
    return boxes[:, 2] * boxes[:, 3]
