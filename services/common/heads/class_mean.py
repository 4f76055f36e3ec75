"""The nearest class mean: what serves when a class has one or two examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Arrays, Floats, l2_normalise, take
from services.common.heads.blocks import Blocks
from services.common.heads.head import Head

MEAN = "mean"
CENTRE = "centre"
SHARPNESS = "sharpness"


class ClassMeanHead(Head):
    """softmax(sharpness * cosine(z - centre, mean of class) / temperature) on the features z.

    `mean` is float32 `[c, dim]`, rows of length 1 (or 0); `centre` float32 `[dim]` is what they
    were seen from. Cosines lie between -1 and 1, so that `sharpness` says how far apart two
    classes must be to be told apart with certainty.
    """

    kind = "class_mean"

    def __init__(
        self,
        labels: Sequence[str],
        mean: Floats,
        centre: Floats,
        *,
        sharpness: float,
        blocks: Blocks,
    ) -> None:
        super().__init__(labels, blocks)
        self.mean = mean
        self.centre = centre
        self.sharpness = sharpness

    def _own_arrays(self) -> Arrays:
        sharpness = np.array([self.sharpness], np.float32)
        return {MEAN: self.mean, CENTRE: self.centre, SHARPNESS: sharpness}

    @classmethod
    def _of_arrays(
        cls, labels: Sequence[str], blocks: Blocks, arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        return cls(
            labels,
            take(arrays, MEAN, len(labels), blocks.dim),
            take(arrays, CENTRE, blocks.dim),
            sharpness=float(take(arrays, SHARPNESS, 1)[0]),
            blocks=blocks,
        )

    def _logits(self, features: Floats) -> Floats:
        cosine = l2_normalise(features - self.centre) @ self.mean.T
        return np.asarray(cosine * np.float32(self.sharpness))
