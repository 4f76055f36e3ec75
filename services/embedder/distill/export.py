"""The taught student as a SavedModel under the Reusable SavedModel contract.

Batch normalisation is folded into the convolutions: y = g (w x - m) / s + b is one convolution with
the kernel w g / s and the bias b - m g / s. Computed and kept in float32.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from services.embedder.distill.student import (
    CONVOLUTION,
    EPSILON,
    FINAL,
    NORM,
    Shape,
    forward,
)
from services.embedder.engines.base import DEFAULT

METADATA: Final = "metadata.json"
FINGERPRINT: Final = "fingerprint.pb"
Folded = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def fold(student: Any) -> Folded:
    """Kernel [kh, kw, in, out] and bias [out] of each convolution, in the order of their making."""
    by_name = {layer.name: layer for layer in student.layers}
    found: Folded = []
    for number in range(1, sum(isinstance(each, layers.Conv2D) for each in student.layers) + 1):
        (kernel,) = by_name[f"{CONVOLUTION}{number}"].get_weights()
        gamma, beta, mean, variance = by_name[f"{NORM}{number}"].get_weights()
        scale = gamma / np.sqrt(variance + EPSILON)
        bias = beta - mean * scale
        found.append(((kernel * scale).astype(np.float32), bias.astype(np.float32)))
    return found


def save(folded: Folded, shape: Shape, folder: Path, metadata: Mapping[str, object]) -> None:
    """Writes the SavedModel and its metadata.json; the same weights are the same bytes."""
    exported = Exported(folded, shape)
    images = tf.TensorSpec([None, None, None, 3], tf.float32, "images")
    signature = tf.function(lambda images: exported.endpoints(images), input_signature=[images])
    for endpoints in (False, True):
        exported.__call__.get_concrete_function(images, return_endpoints=endpoints)
    tf.saved_model.save(exported, str(folder), signatures={"endpoints": signature})
    (folder / FINGERPRINT).unlink()  # random in part
    (folder / METADATA).write_text(json.dumps(metadata, indent=1) + "\n")


class Exported(tf.Module):  # type: ignore[misc]
    """The network of folded weights."""

    def __init__(self, folded: Folded, shape: Shape) -> None:
        super().__init__()
        self._shape = shape
        self.weights = [[tf.Variable(each) for each in pair] for pair in folded]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def __call__(self, images: Any, return_endpoints: bool = False) -> Any:
        """float32 [N, H, W, 3] in [0, 1] -> [N, dim], or every endpoint by name."""
        found = self.endpoints(images)
        return found if return_endpoints else found[DEFAULT]

    def endpoints(self, images: Any) -> dict[str, Any]:
        """The maps of strides 4 to 32, and the vector."""
        maps = forward(_Folded(iter(self.weights)), images, self._shape)
        vector = tf.reduce_mean(maps.pop(FINAL), axis=[1, 2])
        return {**maps, DEFAULT: vector}


class _Folded:
    """Of convolutions whose weights stand."""

    def __init__(self, weights: Iterator[Any]) -> None:
        self._weights = weights

    def convolved(self, x: Any, wide: int, kernel: int, stride: int, *, linear: bool) -> Any:
        weights, bias = next(self._weights)
        x = tf.nn.bias_add(tf.nn.conv2d(x, weights, stride, "SAME"), bias)
        return x if linear else tf.nn.relu(x)

    def halved(self, x: Any) -> Any:
        return tf.nn.avg_pool2d(x, 2, 2, "SAME")
