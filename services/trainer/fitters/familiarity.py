"""The principal subspace of the examples, from which `unknown` measures distances.

    z_i = x_i - mean,   Z Z' = U S^2 U'  (n x n),   directions V = Z' U / S for the r largest S
    distance of x: |z|^2 - |V' z|^2

Only products of examples enter, so that the distances of held-out examples come from the Gram
matrix of all: a fold costs nothing that grows with d. At most FIT_ROWS examples, drawn at random,
are looked at: a few dozen directions need no more, and a million examples cost as much as those.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, eigh

from services.common.heads.base import Floats
from services.common.heads.familiarity import Familiarity
from services.trainer.data.split import SplitPlan
from services.trainer.fitters.base import Doubles, FitError, Indices

FIT_ROWS = 1_000
"""The most examples that a subspace is fitted to."""

RANK = 32
"""The most directions of a subspace, and at most half of all: what they miss is a distance."""

# Eigenvalues below this share of the largest are rounding, not data.
_ROUNDING = 1e-10


def fit_familiarity(x: Floats, *, seed: int = 0) -> Familiarity:
    """The subspace of features float32 `[n, d]`, n > 0, that a head works on.

    The answer flags nothing: search/unknown.py finds its weights and its threshold. Raises FitError
    when the embeddings cannot be decomposed.
    """
    z = x[fit_rows(len(x), seed)].astype(np.float64)
    mean = z.mean(axis=0)
    z -= mean
    spread, vectors = _largest(z @ z.T, x.shape[1] // 2)
    return Familiarity.of(mean, z.T @ (vectors / spread))


def fit_rows(n: int, seed: int) -> Indices:
    """Which of n examples a subspace is fitted to, ascending."""
    if n <= FIT_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, 2]).choice(n, FIT_ROWS, replace=False))


def centred_gram(x: Floats) -> Doubles:
    """The products `[n, n]` of examples float32 `[n, d]`, seen from their mean."""
    z = (x - x.mean(axis=0, dtype=np.float64)).astype(np.float64)
    return np.asarray(z @ z.T)


def held_out_distances(x: Floats, y: Indices, plan: SplitPlan) -> Doubles:
    """About how far each example `[n]` would be from a subspace of all others and one more like it.

    `plan` divides the rows of `x`, of classes `y`, once; an example that it never holds out has
    NaN. A held-out example misses some of its own class, where its nearest kin are, and so lies too
    far out. How much too far is told by leaving out the next fold as well: the mean distance is
    taken to fall with the inverse of the share s of its class that is left, and carried on to s = 1.
    Raises FitError as `fit_familiarity` does.
    """
    gram = centred_gram(x)
    near, far, more, less = np.full((4, len(x)), np.nan)
    for number, fold in enumerate(plan.folds):
        test, after = fold.test, plan.folds[(number + 1) % len(plan.folds)].test
        few = np.setdiff1d(fold.train, after, assume_unique=True)
        near[test] = distances_from(gram, fold.train, test, dim=x.shape[1])
        more[test] = _share_left(y, fold.train, test)
        if len(few):
            far[test] = distances_from(gram, few, test, dim=x.shape[1])
            less[test] = _share_left(y, few, test)
    told = less > 0  # false for NaN
    return near - _too_far(near[told], far[told], 1 / more[told], 1 / less[told])


def _share_left(y: Indices, train: Indices, test: Indices) -> Doubles:
    """The share of the class of each row of `test` that is in `train`."""
    classes = int(y.max()) + 1
    left, all_of_it = np.bincount(y[train], minlength=classes), np.bincount(y, minlength=classes)
    return np.asarray((left / np.maximum(all_of_it, 1))[y[test]])


def _too_far(near: Doubles, far: Doubles, more: Doubles, less: Doubles) -> float:
    """What lies between the mean of `near`, at 1 / s = `more`, and s = 1; `far` is at `less`."""
    if not len(near) or less.mean() <= more.mean():
        return 0.0
    slope = max(0.0, float((far - near).mean() / (less.mean() - more.mean())))
    return slope * float(more.mean() - 1)


def distances_from(gram: Doubles, train: Indices, test: Indices, *, dim: int) -> Doubles:
    """The distances `[t]` of rows `test` from the subspace of rows `train`, of `dim` features.

    With m the mean of the training rows: (a - m)(b - m) = ab - am - bm + mm.
    """
    inner, cross = gram[np.ix_(train, train)], gram[np.ix_(test, train)]
    row, whole = inner.mean(axis=0), float(inner.mean())
    spread, vectors = _largest(inner - row[:, None] - row + whole, dim // 2)
    seen = cross.mean(axis=1)
    within = (cross - seen[:, None] - row + whole) @ (vectors / spread)
    length = gram[test, test] - 2 * seen + whole
    return np.asarray(np.maximum(length - np.einsum("tr,tr->t", within, within), 0.0))


def _largest(gram: Doubles, rank: int) -> tuple[Doubles, Doubles]:
    """The `rank` (at most RANK) largest singular values and their vectors, of a centred Gram."""
    n, rank = len(gram), min(max(rank, 1), RANK)
    try:
        values, vectors = eigh(gram, subset_by_index=[max(0, n - rank), n - 1])
    except (LinAlgError, ValueError) as cause:
        raise FitError(f"the embeddings could not be decomposed: {cause}") from cause
    keep = values > max(_ROUNDING * float(values[-1]), float(np.finfo(np.float64).tiny))
    return np.sqrt(values[keep]), vectors[:, keep]
