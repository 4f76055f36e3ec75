"""Nearest class mean: imprinted weights (Qi et al., 2018), seen from the middle of the examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.trainer.fitters.base import Doubles, FitError, Indices

# Turns differences of cosines into log odds; a temperature does the rest where it can be measured.
SHARPNESS = 14.0


@dataclass(frozen=True)
class ClassMeanFit:
    """Logits SHARPNESS * cosine(z - centre, mean of class); `mean` `[c, r]`, rows of length 1."""

    mean: Doubles
    centre: Doubles

    def logits(self, z: Doubles) -> Doubles:
        """Logits `[n, c]` of rows `[n, r]`."""
        return np.asarray(SHARPNESS * _unit(z - self.centre) @ self.mean.T)


def fit_class_mean(z: Doubles, y: Indices, classes: int) -> ClassMeanFit:
    """The fit of rows `[n, r]` with class indices `[n]`.

    Taking the middle away and then the length leaves directions only (Wang et al., 2019,
    "SimpleShot", whose centring this is). Raises FitError for a class without an example.
    """
    count = np.bincount(y, minlength=classes)
    if not count.all():
        raise FitError(f"class {int(np.argmin(count))} has no example to average")
    centre = z.mean(axis=0)
    unit = _unit(z - centre)
    order = np.argsort(y, kind="stable")
    starts = np.searchsorted(y[order], np.arange(classes))
    total = np.add.reduceat(unit[order], starts, axis=0)
    return ClassMeanFit(_unit(total / count[:, None]), centre)


def _unit(z: Doubles) -> Doubles:
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return np.asarray(z / np.where(length > 0, length, 1.0))
