"""Average precision and recall as the COCO challenge defines them.

Lin et al., 2014, "Microsoft COCO: Common Objects in Context", and the evaluation that it is judged
by: https://cocodataset.org/#detection-eval. Of each label, the answers to all pictures are ordered
by their scores; at each of ten overlaps from 0.50 to 0.95 the precision is read at 101 recalls,
each the best that is reached at that recall or a higher one, and averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from graft.detection.matching import match, ranked
from graft.detection.overlap import areas, overlaps
from graft.detection.scene import Floats, Scene, bearing

OVERLAPS: Final[Floats] = np.linspace(0.5, 0.95, 10)
RECALLS: Final[Floats] = np.linspace(0.0, 1.0, 101)
MOST: Final = (1, 10, 100)
"""So many answers of a label to a picture are looked at, the most certain ones."""

BANDS: Final = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""The least and the greatest area of a thing's box, in square pixels, by the name of the band.

COCO goes by the area of the outline, which boxes alone do not tell."""


@dataclass(frozen=True, slots=True, eq=False)
class AveragePrecision:
    """What came out; a figure is NaN where there was no thing to find.

    `precision` and `recall` are [k, bands, MOST, OVERLAPS]: of each label, for things in each of
    BANDS, of so many answers a picture, at each overlap. `things` is [k, bands].
    """

    precision: Floats
    recall: Floats
    things: npt.NDArray[np.int64]

    def map(
        self, *, overlap: float | None = None, band: str = "all", most: int = MOST[-1]
    ) -> float:
        """The mean over the labels of things in a band: at one of OVERLAPS, or over all; NaN where
        there is none."""
        return _mean(self.by_label(overlap=overlap, band=band, most=most))

    def by_label(
        self, *, overlap: float | None = None, band: str = "all", most: int = MOST[-1]
    ) -> Floats:
        """The same of each label, [k]."""
        return _over(self.precision[:, _at(band), MOST.index(most)], overlap)

    def mean_recall(
        self, *, overlap: float | None = None, band: str = "all", most: int = MOST[-1]
    ) -> float:
        """The share of things that are found, a mean over labels and overlaps as `map` is."""
        return _mean(_over(self.recall[:, _at(band), MOST.index(most)], overlap))


def average_precision(scenes: Sequence[Scene], labels: int) -> AveragePrecision:
    """Score the answers to pictures with `labels` labels."""
    shape = (labels, len(BANDS), len(MOST), len(OVERLAPS))
    precision, recall = np.full(shape, np.nan), np.full(shape, np.nan)
    things = np.zeros(shape[:2], np.int64)
    for label, pictures in enumerate(bearing(scenes, labels)):
        for number, (low, high) in enumerate(BANDS.values()):
            found = [_look(scenes[picture], label, low, high) for picture in pictures]
            things[label, number] = sum(one.things for one in found)
            if not things[label, number]:
                continue
            for column, most in enumerate(MOST):
                place = (label, number, column)
                precision[place], recall[place] = _accumulate(found, most, things[label, number])
    return AveragePrecision(precision, recall, things)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """The answers of a label to one picture, most certain first, in one band: `scores` [d], and at
    each overlap [t, d] which are `hits` and which `count` at all; `things` there are to find."""

    scores: Floats
    hits: npt.NDArray[np.bool_]
    count: npt.NDArray[np.bool_]
    things: int


def _look(scene: Scene, label: int, low: float, high: float) -> _Look:
    numbers = ranked(scene, label)[: MOST[-1]]
    of_label = scene.truth.labels == label
    things, crowd = scene.truth.boxes[of_label], scene.truth.crowd[of_label]
    boxes = scene.answer.boxes[numbers]
    aside = crowd | _outside(areas(things), low, high)
    taken = match(overlaps(boxes, things, crowd), OVERLAPS, crowd=crowd, aside=aside)
    hits = taken >= 0
    # An answer of another size that found nothing is none of this band's false ones.
    count = np.where(
        hits, ~np.append(aside, False)[taken], ~_outside(areas(boxes), low, high)[None, :]
    )
    return _Look(scene.answer.scores[numbers], hits, count, int((~aside).sum()))


def _outside(area: Floats, low: float, high: float) -> npt.NDArray[np.bool_]:
    return (area < low) | (area > high)


def _accumulate(found: Sequence[_Look], most: int, things: int) -> tuple[Floats, Floats]:
    """Average precision and recall, both [t], of the first `most` answers to each picture."""
    scores = np.concatenate([one.scores[:most] for one in found])
    order = np.argsort(-scores, kind="stable")
    hits, count = (
        np.concatenate([some[:, :most] for some in rows], axis=1)[:, order]
        for rows in ([one.hits for one in found], [one.count for one in found])
    )
    right = np.cumsum(hits & count, axis=1)
    wrong = np.cumsum(~hits & count, axis=1)
    recall = right / things
    precision = right / np.maximum(right + wrong, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.pad(best, ((0, 0), (0, 1)))  # 0 at recalls that are not reached
    means = [
        row[np.searchsorted(reached, RECALLS)].mean()
        for row, reached in zip(padded, recall, strict=True)
    ]
    last = recall[:, -1] if len(order) else np.zeros(len(OVERLAPS))
    return np.array(means), last


def _over(figures: Floats, overlap: float | None) -> Floats:
    """Of figures [k, t] those at one overlap, or their means, [k]."""
    if overlap is None:
        return np.asarray(figures.mean(axis=1))
    return figures[:, int(np.abs(OVERLAPS - overlap).argmin())]


def _mean(figures: Floats) -> float:
    """The mean of those that are none of NaN; NaN where all are."""
    known = figures[~np.isnan(figures)]
    return float(known.mean()) if len(known) else float("nan")


def _at(band: str) -> int:
    return list(BANDS).index(band)
