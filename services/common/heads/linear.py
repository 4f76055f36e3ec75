"""The linear head: one weight row a class, a bias, a softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Arrays, Calibration, Floats, Head, l2_normalise, take

WEIGHT = "weight"
BIAS = "bias"
NORMALISE = "normalise"


class LinearHead(Head):
    """softmax((x W + b) / temperature), on x divided by its length when `normalise` is set.

    `weight` is float32 `[dim, c]`, `bias` float32 `[c]`. A standardising fitter folds the mean and
    the deviation of its features into both, so that serving pays nothing for it.
    """

    kind = "linear"

    def __init__(
        self,
        labels: Sequence[str],
        weight: Floats,
        bias: Floats,
        *,
        normalise: bool,
        calibration: Calibration | None = None,
    ) -> None:
        super().__init__(labels, len(weight), calibration or Calibration())
        self.weight = weight
        self.bias = bias
        self.normalise = normalise

    def calibrated(self, calibration: Calibration) -> Self:
        return type(self)(
            self.labels, self.weight, self.bias, normalise=self.normalise, calibration=calibration
        )

    def to_arrays(self) -> Arrays:
        normalise = np.array([self.normalise], np.float32)
        own: Arrays = {WEIGHT: self.weight, BIAS: self.bias, NORMALISE: normalise}
        return own | self.calibration.to_arrays()

    @classmethod
    def from_arrays(cls, labels: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(
            labels,
            take(arrays, WEIGHT, -1, len(labels)),
            take(arrays, BIAS, len(labels)),
            normalise=bool(take(arrays, NORMALISE, 1)[0]),
            calibration=Calibration.from_arrays(arrays),
        )

    def _logits(self, x: Floats) -> Floats:
        scores = (l2_normalise(x) if self.normalise else x) @ self.weight + self.bias
        return np.asarray(scores / np.float32(self.calibration.temperature))
