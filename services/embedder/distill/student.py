"""The student: a residual network of plain convolutions, 1.7 million parameters.

Plain convolutions rather than depthwise ones, as a CPU trains and runs them several times faster
at the same count of multiplications; blocks with a bottleneck (He et al. 2016) where the channels
are many and the places few. Every convolution is followed by batch normalisation, which folds into
it when the network is exported; so what a network is made of is passed to `forward`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import keras
from keras import layers, ops

STEM: Final = 32
FINAL: Final = "final"
"""The map whose mean over its places is the vector."""

CONVOLUTION: Final = "convolution"
NORM: Final = "norm"
EPSILON: Final = 1e-3
_MOMENTUM: Final = 0.98


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels at strides 4, 8, 16 and 32, blocks behind each, and the length of the vector."""

    channels: tuple[int, int, int, int] = (48, 96, 192, 384)
    blocks: tuple[int, int, int, int] = (0, 1, 5, 1)
    inner: tuple[int, int] = (96, 128)
    dim: int = 512


class Parts(Protocol):
    """What the network is made of."""

    def convolved(self, x: Any, wide: int, kernel: int, stride: int, *, linear: bool) -> Any:
        """A normalised convolution, and what is below 0 cut off unless it is `linear`."""

    def halved(self, x: Any) -> Any:
        """The mean of every 2 x 2 places."""


def forward(parts: Parts, images: Any, shape: Shape) -> dict[str, Any]:
    """Images [N, H, W, 3] in [0, 1] -> {stride4, stride8, stride16, stride32, final: a map}."""
    builder = _Builder(parts)
    x = parts.convolved(images * 2.0 - 1.0, STEM, 3, 2, linear=False)
    maps = {}
    for stride, wide, blocks in zip((4, 8), shape.channels, shape.blocks, strict=False):
        x = parts.convolved(x, wide, 3, 2, linear=False)
        for _ in range(blocks):
            x = builder.plain(x, wide)
        maps[f"stride{stride}"] = x
    x = parts.convolved(x, shape.channels[2], 3, 2, linear=False)
    for _ in range(shape.blocks[2]):
        x = builder.bottleneck(x, shape.channels[2], shape.inner[0])
    maps["stride16"] = x
    x = builder.bottleneck(x, shape.channels[3], shape.inner[1], stride=2)
    for _ in range(shape.blocks[3]):
        x = builder.bottleneck(x, shape.channels[3], shape.inner[1])
    maps["stride32"] = x
    maps[FINAL] = parts.convolved(x, shape.dim, 1, 1, linear=False)
    return maps


def student(shape: Shape, *, seed: int) -> Any:
    """A keras.Model of `forward`, with weights drawn from a seed."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((None, None, 3))
    return keras.Model(images, forward(_Layers(), images, shape), name="student")


class _Builder:
    """Residual blocks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def plain(self, x: Any, wide: int) -> Any:
        """Two convolutions of 3 x 3."""
        y = self._parts.convolved(x, wide, 3, 1, linear=False)
        return ops.relu(x + self._parts.convolved(y, wide, 3, 1, linear=True))

    def bottleneck(self, x: Any, wide: int, inner: int, stride: int = 1) -> Any:
        """One of 3 x 3 on few channels, between two of 1 x 1."""
        y = self._parts.convolved(x, inner, 1, 1, linear=False)
        y = self._parts.convolved(y, inner, 3, stride, linear=False)
        y = self._parts.convolved(y, wide, 1, 1, linear=True)
        if stride > 1:
            x = self._parts.convolved(self._parts.halved(x), wide, 1, 1, linear=True)
        return ops.relu(x + y)


class _Layers:
    """Of layers that are trained; their names end in the number of the convolution."""

    def __init__(self) -> None:
        self._number = 0

    def convolved(self, x: Any, wide: int, kernel: int, stride: int, *, linear: bool) -> Any:
        self._number += 1
        x = layers.Conv2D(
            wide,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{CONVOLUTION}{self._number}",
        )(x)
        x = layers.BatchNormalization(
            momentum=_MOMENTUM, epsilon=EPSILON, name=f"{NORM}{self._number}"
        )(x)
        return x if linear else layers.ReLU()(x)

    def halved(self, x: Any) -> Any:
        return layers.AveragePooling2D(2, padding="same")(x)
