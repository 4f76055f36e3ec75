"""What a detector looks at: chosen by how large the things are, in what pictures. Pure.

Things must be some cells large to have a cell of their own, and to be seen by the backbone at all.
The first rung of LADDER on which they are is taken: more pixels and finer cells cost time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from graft.detection.scene import Truth
from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from services.common.detector.detector import Geometry

LADDER: Final = ((320, 32), (320, 16), (448, 16), (640, 16))
"""Pixels a side of the input, and of a cell."""

LEAST_CELLS: Final = 2.0
"""Cells along the side of a small thing (the square root of its area)."""

SMALL: Final = 0.1
"""The share of the things that may be smaller than the small thing that is looked at."""

MAX_CROWDED: Final = 0.02
"""The share of the things whose middle may lie in one cell with the middle of another."""

LEAST_REACH: Final = 0.25
"""Of the usual side of a picture: a tile is no smaller."""

SHARES: Final = 0.05
"""Steps in which a tile gets larger: a picture more or less shall not move all tiles, whose maps
would be embedded anew."""

STRIDES: Final = (8, 16, 32)
USUAL_REACH: Final = 0.9
"""The share of the pictures that are no longer than what is called usual."""

_OWN_SIZE: Final = "; the backbone takes no other size, and a larger one would show more"
_LESS: Final = "; seen more finely, so many pictures would take more memory than a job may"

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """`geometry` of the detector, the `endpoints` of its maps and their `channels`; `shares` says
    what share of a picture's longer side a region has, 1 for whole pictures."""

    geometry: Geometry
    endpoints: tuple[str, ...]
    channels: tuple[int, ...]
    share: float
    reason: str

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """Height, width and channels of each map of a view."""
        side = self.geometry.side
        return [
            (side // stride, side // stride, channels)
            for stride, channels in zip(self.geometry.strides, self.channels, strict=True)
        ]

    @property
    def numbers(self) -> int:
        """The numbers in the maps of one view."""
        return sum(math.prod(shape) for shape in self.shapes)


def make_plans(
    backbone: backbone_pb2.Backbone,
    sizes: Sequence[Size],
    truths: Sequence[Truth],
    *,
    side_alone: bool = False,
) -> list[Plan]:
    """The plan for pictures of `sizes` (width, height) that show `truths`, one box at least, and
    behind it those to take where it is too much: the rungs below, each with fewer cells.

    With `side_alone` the backbone takes pictures of its own size and no other. Raises
    FailedPrecondition where it has no map to detect on.
    """
    known = maps_of(backbone)
    sides = [_sides(size, truth) for size, truth in zip(sizes, truths, strict=True)]
    small = float(np.quantile(np.concatenate(sides), SMALL))
    usual = float(np.quantile([max(size) for size in sizes], USUAL_REACH))
    ladder: tuple[tuple[int, int], ...] = LADDER
    if side_alone:
        ladder = tuple((int(backbone.input_size[0]), cell) for cell in reversed(STRIDES))
    rungs = [rung for rung in ladder if min(known) <= 2 * rung[1]]
    fitting = [rung for rung in rungs if _fits(rung, small, sizes, truths)]
    side, cell = fitting[0] if fitting else rungs[-1]
    wanted = small * side / cell / LEAST_CELLS
    share = 1.0 if fitting else min(1.0, max(LEAST_REACH, round(wanted / SHARES) * SHARES))
    note = _OWN_SIZE if side_alone else ""
    best = _plan(known, (side, cell), small, usual, share, note)
    below = reversed(rungs[: rungs.index((side, cell))])
    return [best, *(_plan(known, rung, small, usual, share, note + _LESS) for rung in below)]


def _plan(
    known: Mapping[int, backbone_pb2.Endpoint],
    rung: tuple[int, int],
    small: float,
    usual: float,
    share: float,
    note: str,
) -> Plan:
    side, cell = rung
    taken = sorted(stride for stride in known if stride >= cell // 2)
    return Plan(
        Geometry(side, cell, share * usual, tuple(taken)),
        tuple(known[stride].name for stride in taken),
        tuple(int(known[stride].dim) for stride in taken),
        share,
        _reason(small, side, cell, share) + note,
    )


def maps_of(backbone: backbone_pb2.Backbone) -> dict[int, backbone_pb2.Endpoint]:
    """The map to take of each of STRIDES that the backbone has: of several the narrowest."""
    found: dict[int, backbone_pb2.Endpoint] = {}
    for endpoint in backbone.endpoints:
        if len(endpoint.shape) != 3 or not backbone.input_size:
            continue
        stride = round(backbone.input_size[0] / endpoint.shape[0])
        if stride in STRIDES and (stride not in found or endpoint.dim < found[stride].dim):
            found[stride] = endpoint
    if not found:
        raise FailedPrecondition(
            f"{backbone.name} has no feature map of stride {', '.join(map(str, STRIDES))} to detect"
            " on; name a backbone with spatial endpoints",
            reason="BACKBONE_UNUSABLE",
            metadata={"missing": "feature maps"},
        )
    return found


def _sides(size: Size, truth: Truth) -> np.ndarray:
    """The side of each thing as a share of the picture's."""
    area = size[0] * size[1]
    boxes = truth.boxes[~truth.crowd]
    return np.sqrt(boxes[:, 2] * boxes[:, 3] / area)


def _fits(
    rung: tuple[int, int], small: float, sizes: Sequence[Size], truths: Sequence[Truth]
) -> bool:
    side, cell = rung
    if small * side / cell < LEAST_CELLS:
        return False
    cells = side // cell
    things = crowded = 0
    for size, truth in zip(sizes, truths, strict=True):
        boxes = np.unique(truth.boxes[~truth.crowd], axis=0)  # two labels on one box are one place
        middles = (boxes[:, :2] + boxes[:, 2:] / 2) / np.array(size, float) * cells
        _, counts = np.unique(middles.astype(int), axis=0, return_counts=True)
        things += len(boxes)
        crowded += int(counts[counts > 1].sum())
    return crowded <= MAX_CROWDED * things


def _reason(small: float, side: int, cell: int, share: float) -> str:
    text = (
        f"nine in ten things are at least {100 * small:.0f}% of a picture's side large: seen at"
        f" {side} pixels they fill {small * side / cell / share:.1f} cells of {cell} pixels or more"
    )
    return text if share == 1.0 else f"{text}, in tiles of {100 * share:.0f}% of a picture"
