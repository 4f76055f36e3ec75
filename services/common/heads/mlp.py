"""A small network with one hidden layer, as several of them whose logits are averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.common.heads.base import Arrays, Floats, take
from services.common.heads.blocks import Blocks
from services.common.heads.head import Head

HIDDEN = "hidden"
HIDDEN_BIAS = "hidden_bias"
OUTPUT = "output"
BIAS = "bias"


class MlpHead(Head):
    """softmax((relu(z H + h) O + b) / temperature) on the features z.

    Networks of several seeds stand side by side: `hidden` float32 `[dim, k]` and `hidden_bias`
    `[k]` hold the units of all of them, `output` `[k, c]` and `bias` `[c]` their average.
    """

    kind = "mlp"

    def __init__(
        self,
        labels: Sequence[str],
        hidden: Floats,
        hidden_bias: Floats,
        output: Floats,
        bias: Floats,
        *,
        blocks: Blocks,
    ) -> None:
        super().__init__(labels, blocks)
        self.hidden = hidden
        self.hidden_bias = hidden_bias
        self.output = output
        self.bias = bias

    def _own_arrays(self) -> Arrays:
        return {
            HIDDEN: self.hidden,
            HIDDEN_BIAS: self.hidden_bias,
            OUTPUT: self.output,
            BIAS: self.bias,
        }

    @classmethod
    def _of_arrays(
        cls, labels: Sequence[str], blocks: Blocks, arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        hidden = take(arrays, HIDDEN, blocks.dim, -1)
        return cls(
            labels,
            hidden,
            take(arrays, HIDDEN_BIAS, hidden.shape[1]),
            take(arrays, OUTPUT, hidden.shape[1], len(labels)),
            take(arrays, BIAS, len(labels)),
            blocks=blocks,
        )

    def _logits(self, features: Floats) -> Floats:
        active = np.maximum(features @ self.hidden + self.hidden_bias, np.float32(0))
        return np.asarray(active @ self.output + self.bias)
