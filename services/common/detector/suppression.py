"""Of boxes that show the same thing, the one with the highest score: non-maximum suppression."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats

SAME_THING: Final = 0.5
"""Boxes of one label that overlap by more (area of both over area of either) show one thing."""

MOSTLY_INSIDE: Final = 0.75
"""A box that was found in one part of a picture, and lies in one that another part found by more
than this, is a piece of it."""


def suppress(
    boxes: Floats,
    scores: Floats,
    labels: NDArray[np.int64],
    parts: NDArray[np.int64] | None = None,
    *,
    most: int,
) -> NDArray[np.int64]:
    """Which of boxes `[n, 4]` (left, top, right, bottom) remain, highest score first, `most` at
    most; of equal scores the first. Boxes of different labels do not touch each other.

    `parts` `[n]` says in which part of a picture a box was found: a piece of a thing that another
    part shows whole goes too.
    """
    order = np.argsort(-scores, kind="stable")
    area = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    kept: list[int] = []
    while len(order) and len(kept) < most:
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        both = np.prod(np.maximum(high - low, 0), axis=1)
        either = np.maximum(area[best] + area[rest] - both, np.finfo(np.float32).tiny)
        same = both / either > SAME_THING
        if parts is not None:
            smaller = np.maximum(np.minimum(area[best], area[rest]), np.finfo(np.float32).tiny)
            same |= (parts[rest] != parts[best]) & (both / smaller > MOSTLY_INSIDE)
        order = rest[~(same & (labels[rest] == labels[best]))]
    return np.array(kept, np.int64)
