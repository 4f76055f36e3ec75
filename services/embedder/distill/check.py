"""Whether a student sees what its teacher sees: pictures that neither has learnt from.

For each picture the NEIGHBOURS nearest others by cosine are found twice, by the teacher's vectors
and by the student's; `agreement` is the share of the teacher's that the student finds too. Two
networks that have nothing in common agree on NEIGHBOURS / (pictures - 1) of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS: Final = 10
SHARE: Final = 0.05
MOST: Final = 1_000
"""Pictures kept from the student for the check: that share, at most so many."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Check:
    """Shares of the teacher's nearest neighbours among `pictures` that were never learnt from:
    what the student finds, what the bundled backbone finds, and what chance would."""

    pictures: int
    student: float
    bundled: float
    chance: float


def held_back(count: int) -> int:
    """How many of so many pictures are kept for the check."""
    return min(MOST, max(2 * NEIGHBOURS, round(SHARE * count)))


def check(teacher: Vectors, student: Vectors, bundled: Vectors) -> Check:
    """Of [N, dim] of the same pictures, each as one network sees them."""
    return Check(
        pictures=len(teacher),
        student=agreement(teacher, student),
        bundled=agreement(teacher, bundled),
        chance=NEIGHBOURS / (len(teacher) - 1),
    )


def agreement(teacher: Vectors, other: Vectors) -> float:
    """The share of the nearest neighbours by `teacher` that are nearest by `other` as well."""
    theirs, own = _nearest(teacher), _nearest(other)
    return float((theirs & own).sum() / theirs.sum())


def _nearest(vectors: Vectors) -> NDArray[np.bool_]:
    """[N, N]: whether a column's picture is among the nearest of the row's."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argpartition(-cosines, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    found = np.zeros(cosines.shape, bool)
    np.put_along_axis(found, nearest, True, axis=1)
    return found
