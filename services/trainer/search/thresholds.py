"""From which probability on a label is answered, class by class. Pure.

Of several labels an item each has a threshold of its own: the one with the best F1 on held-out
answers, which for honest probabilities is half the best F1 itself and never above one half (Lipton,
Elkan and Naryanaswamy, 2014, "Optimal thresholding of classifiers to maximize F1 measure"). What
looks best for a label of few examples is luck, as the same paper warns: a threshold so low that
everything is called it wins easily. So the counts of all labels together, scaled down to PRIOR
examples that bear a label, are added to those of each.

A threshold that was chosen by an answer flatters it; `cross_fitted` lets each fold be answered by
the thresholds that the other folds have chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats

Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

PRIOR: Final = 10.0
"""Examples that bear a label: with as many of its own it counts as much as all others together."""
EVEN: Final = 0.5
"""The threshold where fewer than PRIOR labels are borne by all examples together."""
GRID: Final = (1 / (1 + np.exp(-np.linspace(-5, 5, 101)))).astype(np.float32)
"""The thresholds that are compared."""


@dataclass(frozen=True)
class Evidence:
    """What each threshold of GRID would bring, for each of c labels: `called` `[c, g]` items would
    be given the label, `hits` `[c, g]` of them rightly, of `bearers` `[c]`. Sums add up."""

    called: Doubles
    hits: Doubles
    bearers: Doubles

    @classmethod
    def of(cls, proba: Floats, borne: Bools) -> Self:
        """The evidence of answers `[m, c]` to items that bear labels `[m, c]`."""
        levels = len(GRID) + 1
        level = np.searchsorted(GRID, proba, side="right")  # of so many thresholds at or below it
        cell = level + np.arange(proba.shape[1]) * levels
        size = proba.shape[1] * levels
        called, hits = (
            np.bincount(some.ravel(), minlength=size).reshape(-1, levels)[:, ::-1].cumsum(axis=1)
            for some in (cell, cell[borne])
        )
        bearers = borne.sum(axis=0).astype(np.float64)
        return cls(called[:, -2::-1].astype(float), hits[:, -2::-1].astype(float), bearers)

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.called + other.called, self.hits + other.hits, self.bearers + other.bearers
        )

    def __sub__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.called - other.called, self.hits - other.hits, self.bearers - other.bearers
        )

    def thresholds(self, repeats: int = 1) -> Floats:
        """The best threshold of each label, float32 `[c]`; each item was answered `repeats` times.

        Of equals the one nearest to one half.
        """
        total = float(self.bearers.sum())
        if total < PRIOR * repeats:
            return np.full(len(self.bearers), EVEN, np.float32)
        share = PRIOR / total  # of the counts of all labels
        hits = self.hits / repeats + share * self.hits.sum(axis=0)
        called = self.called / repeats + share * self.called.sum(axis=0)
        f1 = 2 * hits / (called + (self.bearers / repeats + PRIOR)[:, None])
        nearest = np.argsort(np.abs(np.arange(len(GRID)) - len(GRID) // 2), kind="stable")
        return np.asarray(GRID[nearest[np.round(f1[:, nearest], 9).argmax(axis=1)]])


def best_thresholds(proba: Floats, borne: Bools) -> Floats:
    """The thresholds float32 `[c]` for held-out answers `[r, m, c]` to items that bear labels
    `[m, c]`; m > 0."""
    evidence = Evidence.of(proba[0], borne)
    for one in proba[1:]:
        evidence = evidence + Evidence.of(one, borne)
    return evidence.thresholds(len(proba))


def cross_fitted(proba: Floats, borne: Bools, fold: NDArray[np.int64]) -> Bools:
    """The labels `[r, m, c]` that held-out answers `[r, m, c]` give the items of each fold, by the
    thresholds that the other folds of the same repeat have chosen. `fold` `[r, m]`."""
    found = np.zeros(proba.shape, np.bool_)
    for answered, numbers, answers in zip(found, fold, proba, strict=True):
        whole = Evidence.of(answers, borne)
        for number in np.unique(numbers):
            here = numbers == number
            others = whole - Evidence.of(answers[here], borne[here])
            answered[here] = answers[here] >= others.thresholds()
    return found
