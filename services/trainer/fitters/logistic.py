"""L2-regularised logistic regression for a whole path of strengths at once.

    minimise over W [r, c], b [c]:   sum_i -log softmax(W' z_i + b)[y_i]  +  |W|^2 / (2 C)

z are coordinates of the examples in their own span (or standardised features); b is free. Where an
item may bear several labels, each is told from its absence, one against the rest:

    sum_i sum_c  log(1 + exp(s_ic)) - t_ic s_ic  +  |W|^2 / (2 C),      s_i = W' z_i + b

with one example more in the middle of all, of which half is borne: a label that all items bear, or
none, would have no optimum (as Jeffreys' prior does: Firth, 1993).

Two facts make the path cheap:

1. In the coordinates of the span the Gram matrix is nearly diagonal, so the Hessian is close to
   h |z_j|^2 + 1/C, h the mean of p (1 - p). Dividing each coordinate by its root makes the problem
   round, and L-BFGS needs tens of steps instead of hundreds.
2. The solution for one C is the start for the next, from strong to weak regularisation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

from services.common.heads.base import log_sigmoid
from services.trainer.fitters.base import (
    Doubles,
    FitError,
    LinearFit,
    Truth,
    class_counts,
    indicators,
    log_prior,
    several,
)

# C for features of length 1: from nearly the prior alone to nearly separating the classes.
STRENGTHS = tuple(0.25 * 4.0**i for i in range(8))
# The bounds on the gradient of the preconditioned problem: within 0.002 nats of the optimum, good
# enough to choose a strength by, and at the optimum to the precision of float32.
SEARCH_TOLERANCE = 1e-2
FINAL_TOLERANCE = 1e-5
MAX_STEPS = 500


def fit_path(
    z: Doubles,
    y: Truth,
    classes: int,
    strengths: Sequence[float],
    *,
    tolerance: float = SEARCH_TOLERANCE,
) -> list[LinearFit]:
    """One fit for each C in `strengths` (ascending: from strong to weak regularisation).

    Of classes unlike in size the shares count only half (`log_prior`), where an item has one.
    """
    mean = z.mean(axis=0)
    rows, target = z - mean, indicators(y, slice(0, classes))
    theta = np.zeros((z.shape[1] + 1, classes))
    losses, shift = _one, -log_prior(class_counts(y, classes))
    if several(y):
        rows = np.vstack([rows, np.zeros(z.shape[1])])
        target = np.vstack([target, np.full(classes, 0.5)])
        losses, shift = _each, np.zeros(classes)
    found = []
    for strength in strengths:
        theta = _fit(rows, target, strength, theta, tolerance, losses)
        weight = theta[:-1]
        found.append(LinearFit(weight, theta[-1] + shift - mean @ weight))
    return found


def _one(scores: Doubles, target: Doubles) -> tuple[float, Doubles]:
    """The loss of one label an item, and the probabilities; overwrites `scores`."""
    scores -= scores.max(axis=1, keepdims=True)
    hit = np.vdot(target, scores)
    np.exp(scores, out=scores)
    total = scores.sum(axis=1, keepdims=True)
    scores /= total
    return float(np.log(total).sum() - hit), scores


def _each(scores: Doubles, target: Doubles) -> tuple[float, Doubles]:
    """The loss of each label by itself, and the probabilities."""
    log_proba = log_sigmoid(scores)  # log(1 + exp(s)) = s - log_sigmoid(s)
    loss = scores.sum() - log_proba.sum() - np.vdot(target, scores)
    return float(loss), np.exp(log_proba)


def _fit(
    rows: Doubles,
    target: Doubles,
    strength: float,
    start: Doubles,
    tolerance: float,
    losses: Callable[[Doubles, Doubles], tuple[float, Doubles]],
) -> Doubles:
    """The weights in coordinates and, last row, the bias: `[r + 1, c]`, from those of `start`."""
    proba = losses(rows @ start[:-1] + start[-1], target)[1]
    curvature = float(np.mean(proba * (1 - proba))) + 1e-6
    spread = np.einsum("nr,nr->r", rows, rows)
    unit = 1 / np.sqrt(curvature * np.append(spread, len(target)) + 1 / strength)
    design = np.column_stack([rows, np.ones(len(target))]) * unit
    penalty = (unit**2 / strength)[:, None]
    penalty[-1] = 0.0  # the bias is free

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weights = flat.reshape(start.shape)
        value, proba = losses(design @ weights, target)
        proba -= target
        shrink = penalty * weights
        gradient = design.T @ proba + shrink
        return value + 0.5 * float(np.vdot(weights, shrink)), gradient.ravel()

    limits = {"maxiter": MAX_STEPS, "gtol": tolerance, "ftol": tolerance**2 / 10}
    begin = (start / unit[:, None]).ravel()
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options=limits).x
    if not np.isfinite(found).all():
        raise FitError(f"logistic regression with C={strength:g} did not converge")
    return np.asarray(found.reshape(start.shape) * unit[:, None])
