"""Linear discriminant analysis with a shrunk covariance, for a whole path of shrinkages at once.

    log p(c | z) = z' S^-1 m_c - m_c' S^-1 m_c / 2 + log prior_c + const,
    S = S_w + s (tr S_w / n) 1,    S_w = sum_c sum_{i in c} (z_i - m_c)(z_i - m_c)' / (n - c)

m_c is the mean of class c, S_w the covariance within classes (Fisher, 1936; regularised as by
Friedman, 1989). Shrinking by a share of tr S_w / n instead of tr S_w / d makes one s mean about the
same for any number of features. One eigendecomposition of S_w serves every s, and all that is
needed of the examples are sums: those of a fold are the sums of all less those held out, and a
million examples are added up as they stream by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.trainer.fitters.base import (
    Doubles,
    FitError,
    Indices,
    LinearFit,
    class_sums,
    log_prior,
)

# From hardly any shrinkage to nearly the class means.
SHRINKAGES = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 10.0)
# A spread below this share of all sums of squares is what their subtraction left, not data.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Moments:
    """Sums over examples, class by class: `count` `[c]`, `total` `[c, r]`, and over all of them
    `scatter` `[r, r]`, the sum of z z'."""

    count: Indices
    total: Doubles
    scatter: Doubles

    @classmethod
    def of(cls, z: NDArray[np.floating[Any]], y: Indices, classes: int) -> Self:
        """The sums of rows `[n, r]` with class indices `[n]`."""
        return cls(
            np.bincount(y, minlength=classes).astype(np.int64),
            class_sums(z, y, classes),
            (z.T @ z).astype(np.float64),
        )

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count, self.total + other.total, self.scatter + other.scatter
        )

    def __sub__(self, other: Moments) -> Moments:
        return Moments(
            self.count - other.count, self.total - other.total, self.scatter - other.scatter
        )


def fit_lda(moments: Moments, shrinkages: Sequence[float], *, copies: int = 1) -> list[LinearFit]:
    """One fit for each shrinkage. `copies`: how many rows each example has (views of it count).

    Raises FitError when no class has two examples, so that nothing is known of their spread.
    """
    present = moments.count > 0
    count = np.maximum(moments.count, 1)[:, None]
    n, classes = int(moments.count.sum()), int(present.sum())
    mean = moments.total / count
    if n // copies <= classes:
        raise FitError("every class has a single example, so that their spread is not known")
    within = (moments.scatter - (mean * count).T @ mean) / (n - classes)
    values, vectors = _eigh(within)
    values = np.maximum(values, 0.0)
    spread = float(values.sum())
    if spread * (n - classes) <= _ROUNDING * np.trace(moments.scatter):
        raise FitError("the examples of each class are all alike, so that they have no spread")
    rotated = mean @ vectors
    prior = np.where(present, log_prior(moments.count), -np.inf)
    return [
        _fit(rotated, vectors, values + shrinkage * spread * copies / n, mean, prior)
        for shrinkage in shrinkages
    ]


def _fit(
    rotated: Doubles, vectors: Doubles, variances: Doubles, mean: Doubles, prior: Doubles
) -> LinearFit:
    weight = vectors @ (rotated / variances).T
    return LinearFit(weight, prior - 0.5 * np.einsum("cr,rc->c", mean, weight))


def _eigh(matrix: Doubles) -> tuple[Doubles, Doubles]:
    if not np.isfinite(matrix).all():
        raise FitError("the covariance could not be decomposed: it is not finite")
    try:
        values, vectors = np.linalg.eigh(matrix)
    except np.linalg.LinAlgError as cause:
        raise FitError(f"the covariance could not be decomposed: {cause}") from cause
    return values, vectors
