"""L2-regularised multinomial logistic regression for a whole path of strengths at once.

    minimise over W [r, c], b [c]:   sum_i -log softmax(W' z_i + b)[y_i]  +  |W|^2 / (2 C)

z are coordinates of the examples in their own span (or standardised features); b is free.

Two facts make the path cheap:

1. In the coordinates of the span the Gram matrix is nearly diagonal, so the Hessian is close to
   h |z_j|^2 + 1/C, h the mean of p (1 - p). Dividing each coordinate by its root makes the problem
   round, and L-BFGS needs tens of steps instead of hundreds.
2. The solution for one C is the start for the next, from strong to weak regularisation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from services.common.heads.base import softmax
from services.trainer.fitters.base import Doubles, FitError, Indices, LinearFit, log_prior

# C for features of length 1: from nearly the prior alone to nearly separating the classes.
STRENGTHS = tuple(0.25 * 4.0**i for i in range(8))
# The bounds on the gradient of the preconditioned problem: within 0.002 nats of the optimum, good
# enough to choose a strength by, and at the optimum to the precision of float32.
SEARCH_TOLERANCE = 1e-2
FINAL_TOLERANCE = 1e-5
MAX_STEPS = 500


def fit_path(
    z: Doubles,
    y: Indices,
    classes: int,
    strengths: Sequence[float],
    *,
    tolerance: float = SEARCH_TOLERANCE,
) -> list[LinearFit]:
    """One fit for each C in `strengths` (ascending: from strong to weak regularisation).

    Of classes unlike in size the shares count only half (`log_prior`).
    """
    mean = z.mean(axis=0)
    rows = z - mean
    target = np.zeros((len(y), classes))
    target[np.arange(len(y)), y] = 1.0
    theta = np.zeros((z.shape[1] + 1, classes))
    shift = -log_prior(np.bincount(y, minlength=classes))
    found = []
    for strength in strengths:
        theta = _fit(rows, target, strength, theta, tolerance)
        weight = theta[:-1]
        found.append(LinearFit(weight, theta[-1] + shift - mean @ weight))
    return found


def _fit(
    rows: Doubles, target: Doubles, strength: float, start: Doubles, tolerance: float
) -> Doubles:
    """The weights in coordinates and, last row, the bias: `[r + 1, c]`, from those of `start`."""
    proba = softmax(rows @ start[:-1] + start[-1])
    curvature = float(np.mean(proba * (1 - proba))) + 1e-6
    spread = np.einsum("nr,nr->r", rows, rows)
    unit = 1 / np.sqrt(curvature * np.append(spread, len(target)) + 1 / strength)
    design = np.column_stack([rows, np.ones(len(target))]) * unit
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
