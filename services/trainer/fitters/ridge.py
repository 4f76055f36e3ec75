"""Ridge regression onto class indicators, its strength chosen by exact leave-one-out.

    minimise over W, b:  sum_i |W' z_i + b - t_i|^2 + s |W|^2,   t_i the indicator of y_i

Where an item may bear several labels, t_i says of each whether it does, and a logit is the distance
of the fitted value from one half.

With centred rows Z = U S V' the fitted values are H T, H = 1 1'/n + U S^2 (S^2 + s)^-1 U', and the
error on example i of a fit without it is (t_i - (H T)_i) / (1 - H_ii) (Allen, 1974, "PRESS"; for
copies of an example, views of it, the same with the block of H that they share). One
decomposition serves every strength, and no fold is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.trainer.fitters.base import (
    Doubles,
    FitError,
    LinearFit,
    Truth,
    class_counts,
    class_sums,
    indicators,
    log_prior,
    several,
)

# As shares of the mean eigenvalue: from hardly any to nearly the class means.
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
# What is taken where nothing can be left out: of the strengths the best for one example a class.
ALONE = 0.3
# Turns differences of fitted indicators into log odds; a temperature does the rest.
SHARPNESS = 10.0
_ROUNDING = 1e-9
# Classes whose errors are in memory at once.
_CHUNK = 512


@dataclass(frozen=True)
class RidgeFit(LinearFit):
    """`strength` is what leave-one-out chose, as a share of the mean eigenvalue."""

    strength: float


def fit_ridge(z: Doubles, y: Truth, classes: int, *, copies: int = 1) -> RidgeFit:
    """The fit of rows `[n, r]` with class indices `[n]`, or bool `[n, c]` of several labels.

    With `copies` > 1 rows i, i + n / copies, ... are views of one example. Raises FitError when
    the rows cannot be decomposed.
    """
    mean = z.mean(axis=0)
    centred = z - mean
    values, vectors = _decompose(centred)
    inner = class_sums(vectors, y, classes).T  # U' T; the columns of U sum to 0
    scale = float(values.sum()) / len(z)
    strength = ALONE
    counts = class_counts(y, classes)
    if counts.max() > copies:
        errors = [_left_out_error(vectors, values, s * scale, inner, y, copies) for s in STRENGTHS]
        strength = STRENGTHS[int(np.argmin(errors))]
    solved = SHARPNESS * inner / (values + strength * scale)[:, None]
    weight = np.linalg.multi_dot([centred.T, vectors, solved])
    middle = SHARPNESS * (counts / len(y) - 0.5) if several(y) else log_prior(counts)
    bias = middle - mean @ weight
    return RidgeFit(weight, bias, strength)


def _decompose(centred: Doubles) -> tuple[Doubles, Doubles]:
    """Squared singular values and left singular vectors of rows `[n, r]`."""
    wide = len(centred) <= centred.shape[1]
    try:
        values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    except np.linalg.LinAlgError as cause:
        raise FitError(f"the embeddings could not be decomposed: {cause}") from cause
    keep = values > _ROUNDING * max(float(values[-1]), np.finfo(np.float64).tiny)
    values, vectors = values[keep], vectors[:, keep]
    if not len(values):
        raise FitError("the examples are all alike")
    return values, vectors if wide else centred @ vectors / np.sqrt(values)


def _left_out_error(
    vectors: Doubles,
    values: Doubles,
    penalty: float,
    inner: Doubles,
    y: Truth,
    copies: int,
) -> float:
    """The mean squared error of every example under the fit without it and its views."""
    shrunk = values / (values + penalty)
    n, classes = len(y), inner.shape[1]
    by_example = vectors.reshape(copies, n // copies, -1)
    block = np.einsum("ane,e,bne->nab", by_example, shrunk, by_example) + 1 / n
    inverse = np.linalg.inv(np.eye(copies) - block + _ROUNDING * np.eye(copies))
    total = 0.0
    for start in range(0, classes, _CHUNK):
        some = slice(start, min(start + _CHUNK, classes))
        target = indicators(y, some)
        target -= target.mean(axis=0)
        residual = target - vectors @ (shrunk[:, None] * inner[:, some])
        errors = np.einsum("nab,bnc->anc", inverse, residual.reshape(copies, n // copies, -1))
        total += float(np.vdot(errors, errors))
    return float(total / (n * classes))
