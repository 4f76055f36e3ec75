"""One picture: the things it shows, and those that a model answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graft.detection.overlap import Bools, Boxes

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The things of a picture: `boxes` [n, 4], `labels` [n]; `crowd` [n] says which boxes hold
    several things, and are neither counted nor held against an answer."""

    boxes: Boxes
    labels: Indices
    crowd: Bools

    @classmethod
    def of(cls, boxes: list[tuple[float, float, float, float]], labels: list[int]) -> Truth:
        """Things of which none is a crowd; two empty lists for a picture that shows none."""
        return cls(_boxes(boxes), np.array(labels, np.int64), np.zeros(len(labels), np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a model answered to a picture: `boxes` [m, 4], `labels` [m] and `scores` [m], higher
    where it is more certain; in any order."""

    boxes: Boxes
    labels: Indices
    scores: Floats

    @classmethod
    def of(
        cls,
        boxes: list[tuple[float, float, float, float]],
        labels: list[int],
        scores: list[float],
    ) -> Answer:
        """Answers of three lists of one length, which may be empty."""
        return cls(_boxes(boxes), np.array(labels, np.int64), np.array(scores, np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture's truth and the answer to it."""

    truth: Truth
    answer: Answer


def bearing(scenes: Sequence[Scene], labels: int) -> list[list[int]]:
    """For each of `labels` labels the pictures that show a thing or an answer of it, as places in
    `scenes`, ascending. The others tell nothing of that label, and with many labels are most."""
    found: list[list[int]] = [[] for _ in range(labels)]
    for number, scene in enumerate(scenes):
        for label in np.union1d(scene.truth.labels, scene.answer.labels).tolist():
            found[label].append(number)
    return found


def _boxes(boxes: list[tuple[float, float, float, float]]) -> Boxes:
    return np.array(boxes, np.float64).reshape(-1, 4)
