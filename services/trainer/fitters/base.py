"""What every fitter says and how it fails. A fitter is a function: arrays in, a fit out.

Fitters work on coordinates: rows `z` `[n, r]` in the span of the examples (services/trainer/search/
space.py), in which everything with a rotation-invariant penalty has the optimum that it has in the
features themselves, at a fraction of the cost where n is a few hundred and d some thousands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]
Truth = NDArray[Any]
"""What n examples bear: class indices int64 `[n]`, or of several labels an item bool `[n, c]`."""


class FitError(Exception):
    """A fit came to nothing; the search makes it a row of its table, never a crash."""


class Fit(Protocol):
    """What a fitter found, in coordinates."""

    def logits(self, z: Doubles) -> Doubles:
        """Logits `[n, c]` of rows `[n, r]`."""


@dataclass(frozen=True)
class LinearFit:
    """Logits z W + b; `weight` `[r, c]`, `bias` `[c]`."""

    weight: Doubles
    bias: Doubles

    def logits(self, z: Doubles) -> Doubles:
        """Logits `[n, c]` of rows `[n, r]`."""
        return np.asarray(z @ self.weight + self.bias)


def several(y: Truth) -> bool:
    """Whether an item may bear several labels, or none."""
    return y.ndim == 2


def class_counts(y: Truth, classes: int) -> Indices:
    """How many items bear each label, `[c]`."""
    if several(y):
        return np.asarray(y.sum(axis=0, dtype=np.int64))
    return np.bincount(y, minlength=classes)


def repeated(y: Truth, copies: int) -> Truth:
    """What the examples bear, once for each of their `copies`, `[copies * n, ...]`."""
    return np.concatenate([y] * copies)


def indicators(y: Truth, classes: slice) -> Doubles:
    """Whether each item bears each label of a range of classes, 0 or 1: `[n, some]`."""
    if several(y):
        return np.asarray(y[:, classes], dtype=np.float64)
    return np.asarray(y[:, None] == np.arange(classes.start, classes.stop), dtype=np.float64)


def class_sums(z: NDArray[np.floating[Any]], y: Truth, classes: int) -> Doubles:
    """The sum of the rows `[n, r]` of each class, `[c, r]`: 0 for a class without rows.

    Without a matrix of classes by rows, which of ten thousand classes would fill the memory.
    """
    if several(y):
        return np.asarray(y.T.astype(np.float32) @ z, dtype=np.float64)
    count = np.bincount(y, minlength=classes)
    found = np.zeros((classes, z.shape[1]))
    sizes = count[count > 0]
    ordered = z[np.argsort(y, kind="stable")]
    starts = np.cumsum(sizes) - sizes
    found[count > 0] = np.add.reduceat(ordered, starts, axis=0, dtype=np.float64)
    return found


def log_prior(counts: Indices) -> Doubles:
    """Half the log share of each class, `[c]`: between all classes alike and as often as they came.

    Classes are rarely collected as often as they occur, and never in the reverse (square-root
    sampling: Mahajan et al., 2018; as a shift of logits: Menon et al., 2021, "Long-tail learning
    via logit adjustment").
    """
    return np.asarray(0.5 * np.log(np.maximum(counts, 1) / max(int(counts.sum()), 1)))
