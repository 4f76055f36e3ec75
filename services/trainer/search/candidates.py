"""The heads that the search tries, in families whose members share the work of a fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from services.common.heads.base import Floats, Head
from services.trainer.fitters.base import Indices
from services.trainer.fitters.class_mean import SHARPNESS, fit_class_mean
from services.trainer.fitters.logistic import Scaling, fit_logistic, fit_path, row_space

# C for vectors of length 1: from nearly the prior alone to nearly separating the classes.
STRENGTHS = tuple(0.25 * 4.0**i for i in range(8))
# With a median class smaller than this, a fold would train on single examples.
MIN_FOR_LOGISTIC = 3
# Rough costs for the estimate: evaluations of the loss along one path, and operations a second.
_EVALUATIONS = 90
_OPERATIONS_PER_S = 5e9


@dataclass(frozen=True)
class HeadSpec:
    """What was asked for (the fitted head is what came out).

    `rank`: how far it may bend to the examples; of two that predict alike the lower one is taken.
    """

    kind: str
    parameters: tuple[tuple[str, str], ...]
    rank: tuple[int, int]


class Family(Protocol):
    """Candidates of one kind and scaling."""

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        """The candidates, in the order in which `fit` answers."""

    def fit(self, x: Floats, y: Indices, labels: Sequence[str]) -> Sequence[Head]:
        """A head for every candidate, precise enough to compare them. Raises FitError."""

    def fit_one(self, index: int, x: Floats, y: Indices, labels: Sequence[str]) -> Head:
        """The head of one candidate, to full precision. Raises FitError."""

    def estimate_s(self, n: int, d: int, c: int) -> float:
        """About how many seconds `fit` takes on n examples of d features in c classes."""


@dataclass(frozen=True)
class ClassMeans:
    """The nearest class mean: nothing to choose."""

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        return (HeadSpec("class_mean", (("scaling", "l2"),), (2, 0)),)

    def fit(self, x: Floats, y: Indices, labels: Sequence[str]) -> Sequence[Head]:
        return [fit_class_mean(x, y, labels, sharpness=SHARPNESS)]

    def fit_one(self, index: int, x: Floats, y: Indices, labels: Sequence[str]) -> Head:
        return self.fit(x, y, labels)[index]

    def estimate_s(self, n: int, d: int, c: int) -> float:
        return n * d * 10 / _OPERATIONS_PER_S


@dataclass(frozen=True)
class Logistic:
    """L2 logistic regression of one scaling along the whole path of strengths."""

    scaling: Scaling

    @property
    def specs(self) -> tuple[HeadSpec, ...]:
        order = 0 if self.scaling == "l2" else 1  # standardising learns 2 d numbers more
        return tuple(
            HeadSpec("linear", (("scaling", self.scaling), ("C", f"{c:g}")), (order, rank))
            for rank, c in enumerate(STRENGTHS)
        )

    def fit(self, x: Floats, y: Indices, labels: Sequence[str]) -> Sequence[Head]:
        return fit_path(row_space(x, self.scaling), y, labels, self._strengths(x.shape[1]))

    def fit_one(self, index: int, x: Floats, y: Indices, labels: Sequence[str]) -> Head:
        strengths = self._strengths(x.shape[1])[: index + 1]
        return fit_logistic(x, y, labels, scaling=self.scaling, strengths=strengths)

    def estimate_s(self, n: int, d: int, c: int) -> float:
        rank = min(n, d)
        path = _EVALUATIONS * 4.0 * n * rank * c
        return (path + 2.0 * n * d * rank + 20.0 * rank**3) / _OPERATIONS_PER_S

    def _strengths(self, dim: int) -> Sequence[float]:
        """A standardised row has a squared length of about `dim`; so C is a share of that."""
        return STRENGTHS if self.scaling == "l2" else [c / dim for c in STRENGTHS]


def families_for(class_counts: Indices) -> tuple[Family, ...]:
    """What is worth trying on classes of these sizes."""
    if np.median(class_counts) < MIN_FOR_LOGISTIC:
        return (ClassMeans(),)
    return (ClassMeans(), Logistic("l2"), Logistic("standard"))
