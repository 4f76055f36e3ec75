"""The taught student as a SavedModel under the Reusable SavedModel contract, in float32.

The weights stay as they were trained, normalisations beside the convolutions, so that another
student can start from them (`read`); engines fold the ones into the others by themselves.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

from services.embedder.distill.student import (
    EPSILON,
    LAST,
    PER_CONVOLUTION,
    Shape,
    Weights,
    forward,
)
from services.embedder.engines.base import DEFAULT

METADATA: Final = "metadata.json"
FINGERPRINT: Final = "fingerprint.pb"


def save(weights: Weights, shape: Shape, folder: Path, metadata: Mapping[str, object]) -> None:
    """Writes the SavedModel and its metadata.json."""
    exported = Exported(weights, shape)
    images = tf.TensorSpec([None, None, None, 3], tf.float32, "images")
    signature = tf.function(lambda images: exported.endpoints(images), input_signature=[images])
    for endpoints in (False, True):
        exported.__call__.get_concrete_function(images, return_endpoints=endpoints)
    tf.saved_model.save(exported, str(folder), signatures={"endpoints": signature})
    (folder / FINGERPRINT).unlink()  # random in part
    shutil.rmtree(folder / "assets", ignore_errors=True)  # empty
    (folder / METADATA).write_text(json.dumps(metadata, indent=1) + "\n")


def read(folder: Path) -> Weights:
    """The weights that `save` has written to a folder."""
    loaded = tf.saved_model.load(str(folder))
    return [np.asarray(each.numpy(), np.float32) for each in loaded.weights]


class Exported(tf.Module):  # type: ignore[misc]
    """The network of weights that stand."""

    def __init__(self, weights: Weights, shape: Shape) -> None:
        super().__init__()
        self._shape = shape
        self.weights = [tf.Variable(each) for each in weights]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def __call__(self, images: Any, return_endpoints: bool = False) -> Any:
        """float32 [N, H, W, 3] in [0, 1] -> [N, dim], or every endpoint by name."""
        found = self.endpoints(images)
        return found if return_endpoints else found[DEFAULT]

    def endpoints(self, images: Any) -> dict[str, Any]:
        """The maps of strides 4 to 32, and the vector."""
        maps = forward(_Standing(iter(self.weights)), images, self._shape)
        return {**maps, DEFAULT: tf.reduce_mean(maps[LAST], axis=[1, 2])}


class _Standing:
    """Of weights that stand."""

    def __init__(self, weights: Iterator[Any]) -> None:
        self._weights = weights

    def convolved(self, x: Any, wide: int, kernel: int, stride: int) -> Any:
        kernels, gamma, beta, mean, variance = (next(self._weights) for _ in range(PER_CONVOLUTION))
        x = tf.nn.conv2d(x, kernels, stride, "SAME")
        return tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON))
