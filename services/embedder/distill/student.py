"""The student: a residual network of plain convolutions, 1.9 million parameters.

Plain convolutions rather than depthwise ones, as a CPU trains and runs them several times faster
at the same count of multiplications. Each halving is followed by one residual block whose first
convolution, of 1 x 1, halves the channels (as in Darknet-53, Redmon and Farhadi 2018), so that
every stage costs about the same. Every convolution is followed by batch normalisation. What the
network is made of is passed to `forward`: layers to train, or weights that stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

LAST: Final = "stride32"
"""The map whose mean over its places is the vector."""

EPSILON: Final = 1e-3
_MOMENTUM: Final = 0.98
_CONVOLUTION: Final = "convolution"
_NORM: Final = "norm"

Weights = list[NDArray[np.float32]]
"""Five arrays a convolution, in the order of `forward`: kernel [h, w, in, out], and of the
normalisation behind it gamma, beta, mean and variance [out]."""
PER_CONVOLUTION: Final = 5


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels at strides 2, 4, 8, 16 and 32."""

    channels: tuple[int, int, int, int, int] = (24, 48, 96, 192, 384)

    @property
    def dim(self) -> int:
        """The length of the vector."""
        return self.channels[-1]


class Parts(Protocol):
    """What the network is made of."""

    def convolved(self, x: Any, wide: int, kernel: int, stride: int) -> Any:
        """A normalised convolution, and what is below 0 cut off."""


def forward(parts: Parts, images: Any, shape: Shape) -> dict[str, Any]:
    """Images [N, H, W, 3] in [0, 1] -> {stride4, stride8, stride16, stride32: [N, h, w, c]}."""
    x, maps = images * 2.0 - 1.0, {}
    for number, wide in enumerate(shape.channels, start=1):
        x = parts.convolved(x, wide, 3, 2)
        if number > 2:
            x = x + parts.convolved(parts.convolved(x, wide // 2, 1, 1), wide, 3, 1)
        if number > 1:
            maps[f"stride{2**number}"] = x
    return maps


def student(shape: Shape, *, seed: int) -> Any:
    """A keras.Model of `forward`, with weights drawn from a seed."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((None, None, 3))
    return keras.Model(images, forward(_Layers(), images, shape), name="student")


def weights_of(model: Any) -> Weights:
    """The weights of a student."""
    return [
        np.asarray(each, np.float32) for layer in _layers(model) for each in layer.get_weights()
    ]


def put(model: Any, weights: Sequence[NDArray[np.float32]]) -> None:
    """Gives a student these weights. Raises ValueError where they are not of its shape."""
    wanted = PER_CONVOLUTION * sum(name.startswith(_NORM) for name in _by_name(model))
    if len(weights) != wanted:
        raise ValueError(f"a student of this shape has {wanted} arrays; got {len(weights)}")
    left = iter(weights)
    for layer in _layers(model):
        layer.set_weights([next(left) for _ in layer.get_weights()])


def _layers(model: Any) -> Iterator[Any]:
    """Convolutions and normalisations in the order of `forward`; Keras keeps one of its own."""
    by_name = _by_name(model)
    for number in range(1, sum(name.startswith(_NORM) for name in by_name) + 1):
        yield by_name[f"{_CONVOLUTION}{number}"]
        yield by_name[f"{_NORM}{number}"]


def _by_name(model: Any) -> dict[str, Any]:
    return {layer.name: layer for layer in model.layers}


class _Layers:
    """Of layers that are trained; their names end in the number of the convolution."""

    def __init__(self) -> None:
        self._number = 0

    def convolved(self, x: Any, wide: int, kernel: int, stride: int) -> Any:
        self._number += 1
        x = layers.Conv2D(
            wide,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{_CONVOLUTION}{self._number}",
        )(x)
        norm = layers.BatchNormalization(
            momentum=_MOMENTUM, epsilon=EPSILON, name=f"{_NORM}{self._number}"
        )
        return layers.ReLU()(norm(x))
