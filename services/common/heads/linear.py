"""The linear head: one weight row a class, a bias, a softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Arrays, Floats, take
from services.common.heads.blocks import Blocks
from services.common.heads.head import Head

WEIGHT = "weight"
BIAS = "bias"


class LinearHead(Head):
    """softmax((z W + b) / temperature) on the features z; of several labels the logistic function.

    `weight` is float32 `[dim, c]`, `bias` float32 `[c]`. Discriminant analysis, ridge, logistic
    regression and averages of them all end here; a fitter that standardises folds the mean and the
    deviation of its features into both, so that serving pays nothing for it.
    """

    kind = "linear"

    def __init__(
        self, labels: Sequence[str], weight: Floats, bias: Floats, *, blocks: Blocks
    ) -> None:
        super().__init__(labels, blocks)
        self.weight = weight
        self.bias = bias

    def _own_arrays(self) -> Arrays:
        return {WEIGHT: self.weight, BIAS: self.bias}

    @classmethod
    def _of_arrays(
        cls, labels: Sequence[str], blocks: Blocks, arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        weight = take(arrays, WEIGHT, blocks.dim, len(labels))
        return cls(labels, weight, take(arrays, BIAS, len(labels)), blocks=blocks)

    def _logits(self, features: Floats) -> Floats:
        return np.asarray(features @ self.weight + self.bias)
