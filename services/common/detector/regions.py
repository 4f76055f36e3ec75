"""Which parts of a picture a detector looks at.

A picture about as large as those that a detector was trained on is looked at as a whole. A much
larger one shows things smaller, on the few pixels that a network sees, than any that it learned:
it is cut into tiles of the size that it knows, which overlap, so that a thing on a border stands
whole in one of them; and looked at as a whole too, for what is larger than a tile. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

TOLERANCE: Final = 1.5
"""A picture up to so many times as long as those known is looked at as a whole."""

OVERLAP: Final = 0.25
"""The share of a tile that the next one shows again."""

MAX_TILES: Final = 48
"""Tiles of one picture; of a picture that would need more, the tiles are larger."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture, in pixels; it may reach beyond the edges."""

    left: float
    top: float
    width: float
    height: float


def regions_of(width: int, height: int, reach: float) -> list[Region]:
    """The regions of a picture of this size for a detector that knows pictures whose longer side
    is `reach` pixels: the whole, and tiles where it is much larger."""
    whole = Region(0.0, 0.0, float(width), float(height))
    if max(width, height) <= TOLERANCE * reach:
        return [whole]
    side = reach
    while (count := _count(width, side) * _count(height, side)) > MAX_TILES:
        side *= max(1.05, math.sqrt(count / MAX_TILES))
    return [
        whole,
        *(
            Region(left, top, min(side, width), min(side, height))
            for top in _starts(height, side)
            for left in _starts(width, side)
        ),
    ]


def _count(length: int, side: float) -> int:
    return 1 if length <= side else math.ceil((length - side) / (side * (1 - OVERLAP))) + 1


def _starts(length: int, side: float) -> list[float]:
    """Where the tiles along one side begin, evenly, the last one at the end."""
    count = _count(length, side)
    return [(length - side) * n / (count - 1) for n in range(count)] if count > 1 else [0.0]
