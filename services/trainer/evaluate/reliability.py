"""Whether scores keep their promise: held-out answers in bins of like score. Pure."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats

MAX_BINS = 10
# Fewer examples leave the share right of a bin open by more than 25 points either way.
MIN_IN_BIN = 15


@dataclass(frozen=True)
class Bin:
    """`count` answers with scores from `low` to `high`: `mean_score` is what they promised on
    average, `share_right` what they kept."""

    low: float
    high: float
    count: int
    mean_score: float
    share_right: float


def reliability(log_proba: Floats, y: NDArray[np.int64]) -> tuple[Bin, ...]:
    """Bins of equal size, lowest scores first, of the answers to m items of classes `y` `[m]`.

    `log_proba` `[r, m, c]`: the answers of all r repeats are in the bins. Bins of equal width would
    leave most of them empty where scores are high; of equal size they are all known equally well
    (Nguyen and O'Connor, 2015, "Posterior calibration and exploratory analysis for natural language
    processing models"). Each holds MIN_IN_BIN items or more, where there are so many, and equal
    scores are never parted.
    """
    if not len(y) or not len(log_proba):
        return ()
    score = np.exp(log_proba.max(axis=2).astype(np.float64)).ravel()
    right = (log_proba.argmax(axis=2) == y).ravel()
    order = np.argsort(score, kind="stable")
    score, right = np.minimum(score[order], 1.0), right[order]
    bins = int(np.clip(len(y) // MIN_IN_BIN, 1, MAX_BINS))
    edges = _edges(score, bins)
    return tuple(
        Bin(
            float(score[low]),
            float(score[high - 1]),
            int(high - low),
            float(score[low:high].mean()),
            float(right[low:high].mean()),
        )
        for low, high in itertools.pairwise(edges)
    )


def _edges(score: NDArray[np.float64], bins: int) -> list[int]:
    """Where the bins begin in ascending scores, and the end; moved down to where a score begins."""
    wanted = [round(i * len(score) / bins) for i in range(bins)]
    begins = {int(np.searchsorted(score, score[at])) for at in wanted}
    return [*sorted(begins), len(score)]
