"""A second opinion on labels: ridge regression with every example left out of it exactly. Pure.

    minimise over W [r, c]:   sum_i w_i |W' z_i - t_i|^2  +  s |W|^2

z are the embeddings (length 1, centred, brought to a mean squared length of 1) and a constant, t
the classes as unit vectors. With A = Z' diag(w) Z + s and h_i = w_i z_i' A^-1 z_i the answer to
example i by the fit without it is t_i - (t_i - f_i) / (1 - h_i): one decomposition answers for all
of them and for every strength s (Golub, Heath and Wahba, 1979, "Generalized cross-validation as a
method for choosing a good ridge parameter", section 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Floats, l2_normalise
from services.trainer.evaluate.neighbours import Indices, sample

Doubles = NDArray[np.float64]

STRENGTHS = tuple(0.1 * 2.0**i for i in range(8))
# Above it vectors are projected at random to so many coordinates, which keeps their distances
# (Johnson and Lindenstrauss, 1984).
MAX_COORDINATES = 512
# Bounds on time (some 3 s) and memory (float64: 160 MB); beyond them there are examples enough for
# the head alone.
MAX_EXAMPLES = 20_000
MAX_ANSWERS = 20_000_000
_JUDGES = 1_000  # examples by which the strength is chosen
_CONSTANT = 3.0  # the length of the constant: the larger, the freer the intercept


def worth_it(examples: int, asked: int, classes: int) -> bool:
    """Whether so many examples, and questions about some of them, stay within the bounds."""
    return 2 < examples <= MAX_EXAMPLES and asked * classes <= MAX_ANSWERS


def left_out_scores(x: Floats, y: Indices, classes: int, trust: Doubles, asked: Indices) -> Doubles:
    """What a fit without it answers to each of the examples `asked` `[m]`: `[m, classes]`, near 1
    for its class.

    `x` float32 `[n, d]`, `y` `[n]`, `trust` `[n]` 0 to 1: the weight that each label is given, on
    top of one that makes all classes equal. The strength is the one with the least squared error
    when all labels are trusted.
    """
    z = _coordinates(x)
    count = np.bincount(y, minlength=classes)
    even = len(y) / max(int((count > 0).sum()), 1) / np.maximum(count, 1)[y]
    fit = _Fit(z, y, classes, even)
    judges = asked[sample(len(asked), _JUDGES, 0)]
    errors = [fit.error(strength, judges) for strength in STRENGTHS]
    return _Fit(z, y, classes, even * trust).left_out(STRENGTHS[int(np.argmin(errors))], asked)


def _coordinates(x: Floats) -> Doubles:
    unit = l2_normalise(x)
    rows, dim = unit.shape
    if min(rows, dim) > MAX_COORDINATES:
        rng = np.random.default_rng([0, dim])
        unit = unit @ rng.standard_normal((dim, MAX_COORDINATES), dtype=np.float32)
    z = unit.astype(np.float64)
    z -= z.mean(axis=0)
    if rows < z.shape[1]:  # the coordinates of their own span: the same products in fewer
        values, vectors = np.linalg.eigh(z @ z.T)
        z = vectors * np.sqrt(np.maximum(values, 0))
    z /= max(float(np.sqrt((z * z).sum(axis=1).mean())), 1e-9)
    return np.column_stack([z, np.full(rows, _CONSTANT)])


class _Fit:
    """The decomposition for one weighting; answers for every strength."""

    def __init__(self, z: Doubles, y: Indices, classes: int, weight: Doubles) -> None:
        values, vectors = np.linalg.eigh(z.T @ (weight[:, None] * z))
        self._values = np.maximum(values, 0)
        self._rows = z @ vectors
        self._y, self._weight = y, weight
        self._moment = np.zeros((len(values), classes))  # Z' diag(w) T, T never written out
        order = np.argsort(y, kind="stable")
        present, starts = np.unique(y[order], return_index=True)
        weighted = (weight[:, None] * self._rows)[order]
        self._moment[:, present] = np.add.reduceat(weighted, starts, axis=0).T

    def left_out(self, strength: float, asked: Indices) -> Doubles:
        """The answers to the examples `asked`, each by the fit without it."""
        shrink = 1 / (self._values + strength)
        rows = self._rows[asked]
        leverage = self._weight[asked] * ((rows * rows) @ shrink)
        answers = rows @ (shrink[:, None] * self._moment)
        kept = 1 / np.maximum(1 - leverage, 1e-9)
        answers *= kept[:, None]  # t - (t - f) kept = f kept + t (1 - kept)
        answers[np.arange(len(asked)), self._y[asked]] += 1 - kept
        return np.asarray(answers)

    def error(self, strength: float, asked: Indices) -> float:
        """The weighted squared error of those answers."""
        rest = self.left_out(strength, asked)
        rest[np.arange(len(asked)), self._y[asked]] -= 1
        return float((self._weight[asked] * (rest * rest).sum(axis=1)).sum())
