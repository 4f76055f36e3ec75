"""L2-regularised multinomial logistic regression for a whole path of strengths at once.

    minimise over W [d, c], b [c]:   sum_i -log softmax(W' z_i + b)[y_i]  +  |W|^2 / (2 C)

z are the embeddings divided by their length (`l2`) or standardised (`standard`); b is free.

Three facts make the path cheap when n is a few hundred and d some thousands:

1. W lies in the span of the centred rows (the part orthogonal to it only costs penalty, and a
   shift of z is absorbed by b). With Zc = U S V' the fit in the r <= min(n - 1, d) coordinates
   U S is exactly the fit in d; W = V A. One decomposition serves every strength.
2. In those coordinates the Gram matrix is S^2, so the Hessian is close to h S^2 + 1/C, h the mean
   of p (1 - p). Dividing each coordinate by its root makes the problem round, and L-BFGS
   needs tens of steps instead of hundreds.
3. The solution for one C is the start for the next, from strong to weak regularisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize

from services.common.heads.base import Floats, l2_normalise, softmax
from services.common.heads.linear import LinearHead
from services.trainer.fitters.base import Doubles, FitError, Indices

Scaling = Literal["l2", "standard"]

# The bounds on the gradient of the preconditioned problem: within 0.002 nats of the optimum, good
# enough to choose a strength by, and at the optimum to the precision of float32.
SEARCH_TOLERANCE = 1e-2
FINAL_TOLERANCE = 1e-5
MAX_STEPS = 500
# Singular values below this share of the largest are rounding, not data.
RANK_TOLERANCE = 1e-6


@dataclass(frozen=True)
class RowSpace:
    """The training rows in the coordinates of their own span.

    `rows` `[n, r]` = U S; `spread` `[r]` = S; `factors`: their product `[d, r]` is V; `mean` and
    `scale` `[d]` take an embedding (normalised first where `scaling` is `l2`) to z.
    """

    scaling: Scaling
    rows: Doubles
    spread: Doubles
    factors: tuple[Doubles, ...]
    mean: Doubles
    scale: Doubles


def row_space(x: Floats, scaling: Scaling) -> RowSpace:
    """Scales embeddings float32 `[n, d]` and decomposes them. Raises FitError on failure."""
    u = (l2_normalise(x) if scaling == "l2" else x).astype(np.float64)
    mean = u.mean(axis=0)
    z = u - mean
    scale = _scale(z, scaling)
    z /= scale
    wide = len(z) <= z.shape[1]
    values, vectors = _eigh(z @ z.T if wide else z.T @ z)
    keep = values > max(float(values[-1]) * RANK_TOLERANCE**2, np.finfo(np.float64).tiny)
    spread, vectors = np.sqrt(values[keep]), vectors[:, keep]
    if wide:
        return RowSpace(scaling, vectors * spread, spread, (z.T, vectors / spread), mean, scale)
    return RowSpace(scaling, z @ vectors, spread, (vectors,), mean, scale)


def _scale(z: Doubles, scaling: Scaling) -> Doubles:
    if scaling == "l2":
        return np.ones(z.shape[1])
    deviation = np.sqrt(np.mean(z * z, axis=0))
    # A feature that never varies in training tells nothing; dividing by 1 leaves it at 0.
    return np.where(deviation > 1e-6 * deviation.max(initial=0), deviation, 1.0)


def _eigh(gram: Doubles) -> tuple[Doubles, Doubles]:
    try:
        values, vectors = np.linalg.eigh(gram)
    except np.linalg.LinAlgError as cause:
        raise FitError(f"the embeddings could not be decomposed: {cause}") from cause
    return values, vectors


def fit_path(
    space: RowSpace,
    y: Indices,
    labels: Sequence[str],
    strengths: Sequence[float],
    *,
    tolerance: float = SEARCH_TOLERANCE,
) -> list[LinearHead]:
    """One head for each C in `strengths` (ascending: from strong to weak regularisation)."""
    target = np.zeros((len(y), len(labels)))
    target[np.arange(len(y)), y] = 1.0
    theta = np.zeros((len(space.spread) + 1, len(labels)))
    thetas = []
    for strength in strengths:
        theta = _fit(space, target, strength, theta, tolerance)
        thetas.append(theta)
    return _heads(space, thetas, labels)


def fit_logistic(
    x: Floats, y: Indices, labels: Sequence[str], *, scaling: Scaling, strengths: Sequence[float]
) -> LinearHead:
    """The head for the last of `strengths`, to full precision; the others lead to it."""
    space = row_space(x, scaling)
    return fit_path(space, y, labels, strengths, tolerance=FINAL_TOLERANCE)[-1]


def _fit(
    space: RowSpace, target: Doubles, strength: float, start: Doubles, tolerance: float
) -> Doubles:
    """The weights in coordinates and, last row, the bias: `[r + 1, c]`, from those of `start`."""
    proba = softmax(space.rows @ start[:-1] + start[-1])
    curvature = float(np.mean(proba * (1 - proba))) + 1e-6
    unit = 1 / np.sqrt(curvature * np.append(space.spread**2, len(target)) + 1 / strength)
    design = np.column_stack([space.rows, np.ones(len(target))]) * unit
    penalty = (unit**2 / strength)[:, None]
    penalty[-1] = 0.0  # the bias is free

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weights = flat.reshape(start.shape)
        scores = design @ weights
        scores -= scores.max(axis=1, keepdims=True)
        hit = np.vdot(target, scores)
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        scores /= total
        scores -= target
        shrink = penalty * weights
        gradient = design.T @ scores + shrink
        return float(np.log(total).sum() - hit + 0.5 * np.vdot(weights, shrink)), gradient.ravel()

    limits = {"maxiter": MAX_STEPS, "gtol": tolerance, "ftol": tolerance**2 / 10}
    begin = (start / unit[:, None]).ravel()
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options=limits).x
    if not np.isfinite(found).all():
        raise FitError(f"logistic regression with C={strength:g} did not converge")
    return np.asarray(found.reshape(start.shape) * unit[:, None])


def _heads(space: RowSpace, thetas: list[Doubles], labels: Sequence[str]) -> list[LinearHead]:
    """Takes weights from coordinates back to embeddings, scaling folded in."""
    weight = np.concatenate([theta[:-1] for theta in thetas], axis=1)
    for factor in reversed(space.factors):
        weight = factor @ weight
    weight /= space.scale[:, None]
    bias = np.concatenate([theta[-1] for theta in thetas]) - space.mean @ weight
    return [
        LinearHead(
            labels,
            np.ascontiguousarray(w, dtype=np.float32),
            b.astype(np.float32),
            normalise=space.scaling == "l2",
        )
        for w, b in zip(
            np.split(weight, len(thetas), axis=1), np.split(bias, len(thetas)), strict=True
        )
    ]
