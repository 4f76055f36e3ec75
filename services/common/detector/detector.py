"""A detector: the small head over feature maps that says where things are. Forward passes only.

The predictor serves with this code and the trainer computes the numbers of its report with it.

A detector holds several networks that were trained on different parts of the examples; their
answers are averaged, cell by cell (bagging; Breiman, 1996), the boxes by how certain each is. A
cell answers for things whose middle
lies in it: anchor-free, as in "FCOS" (Tian et al., 2019) and "CenterNet" (Zhou et al., 2019). The
score of a box is the geometric mean of the probability of its label and of how well it is expected
to fit, made a probability of being right by a logistic curve (Platt, 1999).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from graft.errors import DataLoss
from services.common.detector.grid import Fold
from services.common.detector.network import DISTANCES, Network
from services.common.detector.suppression import suppress
from services.common.heads.base import Arrays, Floats, l2_normalise, take
from services.common.heads.familiarity import Familiarity

MAX_OBJECTS: Final = 1_000
"""Boxes of one picture, the most certain."""

MAX_CANDIDATES: Final = 3_000
"""Cells of one region, and labels of them, that are looked at, the most certain."""

LEAST_RAW: Final = 0.02
"""A raw score below this is no answer."""

BOUND: Final = 3.0
"""The bound on the log of a distance, in units of UNIT_CELLS; it is approached, never reached, so
that a network that has gone too far can come back."""

UNIT_CELLS: Final = 4.0


@dataclass(frozen=True)
class Geometry:
    """`side`: the pixels, a side, that a region is resized to; `cell`: the pixels of a cell's side;
    `reach`: the longer side, in pixels, of the pictures that it knows; `strides` of its maps."""

    side: int
    cell: int
    reach: float
    strides: tuple[int, ...]

    @property
    def cells(self) -> int:
        """Cells along a side."""
        return self.side // self.cell

    @property
    def folds(self) -> tuple[Fold, ...]:
        """How each map comes onto the grid."""
        return tuple(Fold.of(stride, self.cell) for stride in self.strides)


@dataclass(frozen=True)
class Found:
    """The boxes that were found in one region, or in one picture.

    `boxes` float32 `[m, 4]`: left, top, right, bottom, as shares of the region, or in pixels of
    the picture; `labels` `[m]`; `scores` `[m]`, the probability of being right; `unknown` `[m]`,
    whether what is in the box is unlike what the detector was trained on. Highest score first.
    """

    boxes: Floats
    labels: NDArray[np.int64]
    scores: Floats
    unknown: NDArray[np.bool_]

    def take(self, which: NDArray[np.int64]) -> Found:
        """Some of the boxes, in the order given."""
        return Found(self.boxes[which], self.labels[which], self.scores[which], self.unknown[which])


@dataclass(frozen=True)
class Detector:
    """A fitted detector over feature maps. Immutable.

    `channels` of its maps; `networks`, one or more; `curve`: slope and offset of the logistic curve
    over the logit of the raw score; `thresholds` float32 `[c]`: from which score on a box of each
    label is meant; `familiarity` over what `look` makes of a box, None where nothing is flagged.
    """

    labels: tuple[str, ...]
    channels: tuple[int, ...]
    geometry: Geometry
    networks: tuple[Network, ...]
    thresholds: Floats
    curve: tuple[float, float] = (1.0, 0.0)
    familiarity: Familiarity | None = None

    kind: ClassVar[str] = "detector"

    @property
    def dim(self) -> int:
        """The channels of all maps together."""
        return sum(self.channels)

    @property
    def nbytes(self) -> int:
        """The size of the arrays in memory, in bytes."""
        return sum(array.nbytes for array in self.to_arrays().values())

    def calibrated(
        self, curve: tuple[float, float], thresholds: Floats, familiarity: Familiarity | None
    ) -> Self:
        """The same networks with other calibration."""
        return replace(self, curve=curve, thresholds=thresholds, familiarity=familiarity)

    def answer(self, maps: Sequence[Floats]) -> list[Found]:
        """What is found in n regions, whose maps are float32 `[n, h, w, channels]`, in order.

        Raises InvalidArgument when a map is not that of this geometry, or not finite.
        """
        cells = self.cells(maps)
        outputs = [network(cells) for network in self.networks]
        scores, boxes = _combined(outputs, len(self.labels), self.geometry.cells)
        return [self._found(scores[row], boxes[row], maps[-1][row]) for row in range(len(maps[0]))]

    def cells(self, maps: Sequence[Floats]) -> list[Floats]:
        """The maps on the grid."""
        return [fold(some) for fold, some in zip(self.geometry.folds, maps, strict=True)]

    def probability(self, raw: Floats) -> Floats:
        """The probability of being right of raw scores."""
        clipped = np.clip(raw.astype(np.float64), 1e-6, 1 - 1e-6)
        slope, offset = self.curve
        logits = slope * np.log(clipped / (1 - clipped)) + offset
        return np.asarray(1 / (1 + np.exp(-logits))).astype(np.float32)

    def _found(self, scores: Floats, boxes: Floats, coarsest: Floats) -> Found:
        """`scores` `[cells, c]`, `boxes` `[cells, 4]` of one region."""
        flat = scores.ravel()
        best = np.argsort(-flat, kind="stable")[:MAX_CANDIDATES]
        best = best[flat[best] >= LEAST_RAW]
        cell, label = np.divmod(best, scores.shape[1])
        kept = suppress(boxes[cell], flat[best], label, most=MAX_OBJECTS)
        found = boxes[cell[kept]]
        return Found(
            found,
            label[kept],
            self.probability(flat[best][kept]),
            self._unknown(coarsest, found),
        )

    def _unknown(self, coarsest: Floats, boxes: Floats) -> NDArray[np.bool_]:
        if self.familiarity is None or not len(boxes):
            return np.zeros(len(boxes), np.bool_)
        return self.familiarity.unknown(look(coarsest, boxes), np.zeros(len(boxes), np.float32))

    def to_arrays(self) -> Arrays:
        """Everything that shapes an answer, by name; the inverse is `from_arrays`."""
        geometry = self.geometry
        found: Arrays = {
            "geometry": np.array([geometry.side, geometry.cell, geometry.reach], np.float32),
            "strides": np.array(geometry.strides, np.float32),
            "channels": np.array(self.channels, np.float32),
            "curve": np.array(self.curve, np.float32),
            "thresholds": self.thresholds,
        }
        for number, network in enumerate(self.networks):
            found |= network.to_arrays(f"{number}/")
        return found if self.familiarity is None else found | self.familiarity.to_arrays()

    @classmethod
    def from_arrays(cls, labels: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The detector of these arrays. Raises DataLoss when they do not fit together."""
        side, cell, reach = take(arrays, "geometry", 3).tolist()
        strides = tuple(int(n) for n in take(arrays, "strides", -1))
        channels = tuple(int(n) for n in take(arrays, "channels", len(strides)))
        if not (0 < cell <= side and strides and min(strides) > 0 and reach > 0):
            raise DataLoss(f"a detector needs a grid of cells; train again; got {side}, {cell}")
        geometry = Geometry(int(side), int(cell), reach, strides)
        folded = [f.channels(c) for f, c in zip(geometry.folds, channels, strict=True)]
        networks: list[Network] = []
        while f"{len(networks)}/bias" in arrays:
            prefix = f"{len(networks)}/"
            networks.append(Network.from_arrays(arrays, prefix, folded, len(labels)))
        if not networks:
            raise DataLoss("a detector needs a network; train again; got none")
        slope, offset = take(arrays, "curve", 2).tolist()
        return cls(
            tuple(labels),
            channels,
            geometry,
            tuple(networks),
            take(arrays, "thresholds", len(labels)),
            (slope, offset),
            Familiarity.from_arrays(arrays, channels[-1]),
        )


def look(coarsest: Floats, boxes: Floats) -> Floats:
    """What is in each of boxes `[m, 4]`, shares of a region whose coarsest map is `[h, w, c]`: the
    mean of the positions whose middle is inside, or of the nearest one, of length 1, `[m, c]`."""
    height, width, channels = coarsest.shape
    found = np.empty((len(boxes), channels), np.float32)
    for number, (left, top, right, bottom) in enumerate(boxes.tolist()):
        rows, columns = _span(top, bottom, height), _span(left, right, width)
        found[number] = coarsest[rows, columns].mean(axis=(0, 1))
    return l2_normalise(found)


def _span(low: float, high: float, length: int) -> slice:
    """The positions whose middle is from `low` to `high`, shares; the nearest if none is."""
    first, last = round(low * length), round(high * length)
    first = min(max(first, 0), length - 1)
    return slice(first, max(first + 1, min(last, length)))


def _combined(outputs: Sequence[Floats], labels: int, cells: int) -> tuple[Floats, Floats]:
    """Raw scores `[n, cells^2, labels]` and boxes `[n, cells^2, 4]`, as shares of the region, of
    what several networks answer: the mean probability of each label, and the mean of the distances
    and fits, each weighted by how certain its network is that a thing is there."""
    every = np.stack(outputs)
    of_label = _logistic(every[..., :labels])
    fit = _logistic(every[..., labels + DISTANCES :])
    certain = of_label.max(axis=-1, keepdims=True) * fit + np.float32(1e-9)
    weights = certain / certain.sum(axis=0)
    logs = every[..., labels : labels + DISTANCES]
    distances = np.exp(np.float32(BOUND) * np.tanh(logs / np.float32(BOUND)))
    distances = (weights * distances).sum(axis=0) * np.float32(UNIT_CELLS / cells)
    scores = np.sqrt(of_label.mean(axis=0) * (weights * fit).sum(axis=0))
    middle = (np.arange(cells, dtype=np.float32) + np.float32(0.5)) / np.float32(cells)
    x, y = middle[None, None, :], middle[None, :, None]
    left, top, right, bottom = np.moveaxis(distances, -1, 0)
    boxes = np.stack([x - left, y - top, x + right, y + bottom], axis=-1)
    n = len(scores)
    return scores.reshape(n, -1, labels), np.clip(boxes, 0, 1).reshape(n, -1, DISTANCES)


def _logistic(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))
