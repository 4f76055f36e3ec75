"""The small convolutional network of a detector: forward passes in NumPy.

Each map goes through a 1x1 convolution of its own onto a common width and all are added, with a
vector of the whole picture (the mean of the coarsest map): what lies far away helps to tell how far
a thing reaches. Residual 3x3 convolutions follow, and one last 1x1 convolution that answers for
each cell a logit a label, the logs of four distances, and a logit of how well the box will fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from graft.errors import DataLoss
from services.common.heads.base import Arrays, Floats, take

DISTANCES: Final = 4
"""Left, up, right and down from the middle of a cell to the edges of the box."""

EXTRA: Final = DISTANCES + 1
"""What a cell answers beside a logit a label: the distances and the fit."""

REACH: Final = 1
"""Cells that a 3x3 convolution looks at on each side."""


@dataclass(frozen=True)
class Network:
    """One network; immutable. f: its width, c: labels.

    `laterals`: of each map in order `[channels, f]`; `context` `[channels of the last, f]`; `bias`
    `[f]`; `convolutions`: weights `[3, 3, f, f]` and offsets `[f]`; `out` `[f, c + EXTRA]` and
    `out_bias`. All float32.
    """

    laterals: tuple[Floats, ...]
    context: Floats
    bias: Floats
    convolutions: tuple[tuple[Floats, Floats], ...]
    out: Floats
    out_bias: Floats

    def __call__(self, cells: Sequence[Floats]) -> Floats:
        """Maps on the grid `[n, g, g, channels]`, the coarsest last -> `[n, g, g, c + EXTRA]`."""
        total = cells[-1].mean(axis=(1, 2)) @ self.context + self.bias
        x = np.asarray(total[:, None, None, :])
        for some, weights in zip(cells, self.laterals, strict=True):
            x = x + some @ weights
        x = np.maximum(x, np.float32(0))
        for weights, offset in self.convolutions:
            x = x + np.maximum(_convolved(x, weights) + offset, np.float32(0))
        return np.asarray(x @ self.out + self.out_bias)

    def to_arrays(self, prefix: str) -> Arrays:
        """Everything, by names that begin with `prefix`; the inverse is `from_arrays`."""
        found: Arrays = {f"{prefix}lateral{n}": one for n, one in enumerate(self.laterals)}
        for number, (weights, offset) in enumerate(self.convolutions):
            found[f"{prefix}conv{number}"] = weights
            found[f"{prefix}conv{number}_bias"] = offset
        rest = {"context": self.context, "bias": self.bias, "out": self.out}
        found |= {prefix + name: value for name, value in rest.items()}
        return found | {prefix + "out_bias": self.out_bias}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], prefix: str, channels: Sequence[int], labels: int
    ) -> Self:
        """The network over maps with so many channels a cell; DataLoss when they do not fit."""
        width = take(arrays, prefix + "bias", -1).shape[0]
        convolutions: list[tuple[Floats, Floats]] = []
        while f"{prefix}conv{len(convolutions)}" in arrays:
            name = f"{prefix}conv{len(convolutions)}"
            side = 2 * REACH + 1
            weights = take(arrays, name, side, side, width, width)
            convolutions.append((weights, take(arrays, name + "_bias", width)))
        if not channels:
            raise DataLoss("a detector needs a map; train again; got none")
        return cls(
            tuple(take(arrays, f"{prefix}lateral{n}", c, width) for n, c in enumerate(channels)),
            take(arrays, prefix + "context", channels[-1], width),
            take(arrays, prefix + "bias", width),
            tuple(convolutions),
            take(arrays, prefix + "out", width, labels + EXTRA),
            take(arrays, prefix + "out_bias", labels + EXTRA),
        )


def _convolved(x: Floats, weights: Floats) -> Floats:
    """A 3x3 convolution with zeros around: nine products, each of the whole grid, shifted."""
    _, height, width, _ = x.shape
    padded = np.pad(x, ((0, 0), (REACH, REACH), (REACH, REACH), (0, 0)))
    total = np.zeros((*x.shape[:3], weights.shape[-1]), np.float32)
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            total += padded[:, row : row + height, column : column + width] @ weights[row, column]
    return total
