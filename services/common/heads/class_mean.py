"""The nearest class mean: what serves when a class has one or two examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Arrays, Calibration, Floats, Head, l2_normalise, take

MEAN = "mean"
SHARPNESS = "sharpness"


class ClassMeanHead(Head):
    """softmax(sharpness * cosine(x, mean of class) / temperature).

    `mean` is float32 `[c, dim]`, rows of length 1 (or 0). Cosines lie between -1 and 1, so that
    `sharpness` says how far apart two classes must be to be told apart with certainty.
    """

    kind = "class_mean"

    def __init__(
        self,
        labels: Sequence[str],
        mean: Floats,
        *,
        sharpness: float,
        calibration: Calibration | None = None,
    ) -> None:
        super().__init__(labels, mean.shape[1], calibration or Calibration())
        self.mean = mean
        self.sharpness = sharpness

    def calibrated(self, calibration: Calibration) -> Self:
        return type(self)(self.labels, self.mean, sharpness=self.sharpness, calibration=calibration)

    def to_arrays(self) -> Arrays:
        own: Arrays = {MEAN: self.mean, SHARPNESS: np.array([self.sharpness], np.float32)}
        return own | self.calibration.to_arrays()

    @classmethod
    def from_arrays(cls, labels: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(
            labels,
            take(arrays, MEAN, len(labels), -1),
            sharpness=float(take(arrays, SHARPNESS, 1)[0]),
            calibration=Calibration.from_arrays(arrays),
        )

    def _logits(self, x: Floats) -> Floats:
        scale = np.float32(self.sharpness / self.calibration.temperature)
        return np.asarray(l2_normalise(x) @ self.mean.T * scale)
