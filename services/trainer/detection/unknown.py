"""Which things are unknown to a detector: those far from all that were shown.

It is told as for classifiers (services/trainer/search/unknown.py), by the distance alone: the score
of a box tells whether there is a thing, and not how it resembles those of known labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graft.errors import Internal
from services.common.heads.base import Floats
from services.common.heads.familiarity import Familiarity
from services.trainer.data.split import stratified_folds
from services.trainer.search.examples import Examples
from services.trainer.search.unknown import Unknown, fit_unknown
from services.trainer.search.unknown_check import UnknownNumbers, check_unknown

LEAST_THINGS: Final = 5
"""With fewer, nothing is flagged."""

_FOLDS: Final = 5


@dataclass(frozen=True)
class Known:
    """What a detector knows, and how well strange things are told from it: `numbers` is None where
    there are too few labels to hide one."""

    unknown: Unknown
    numbers: UnknownNumbers | None

    @property
    def familiarity(self) -> Familiarity | None:
        """That of the detector; None where nothing shall be flagged."""
        return None if self.unknown.measured_kept_share is None else self.unknown.familiarity


def fit_known(things: Examples, seed: int) -> Known | None:
    """What is known from the things of pictures: their features `x`, labels `y`, and the groups of
    their pictures. None where there are too few of them, or all look alike."""
    count = len(things.y)
    if count < LEAST_THINGS:
        return None
    alike = np.zeros((1, count, 2), np.float32)  # no thing is doubted more than another
    try:
        unknown = fit_unknown(things, np.arange(count), alike, seed=seed)
        plan = stratified_folds(things.y, things.groups, folds=_FOLDS, seed=seed)
        return Known(
            unknown, check_unknown(things, unknown.familiarity, plan, _undecided, seed=seed)
        )
    except Internal:
        return None


def _undecided(
    train: NDArray[np.int64], y: NDArray[np.int64], classes: int, test: NDArray[np.int64]
) -> Floats:
    return np.zeros((len(test), classes), np.float32)
