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
    _, every = (
        exported.__call__.get_concrete_function(images, return_endpoints=endpoints)
        for endpoints in (False, True)
    )
    tf.saved_model.save(exported, str(folder), signatures={"endpoints": every})
    (folder / FINGERPRINT).unlink()  # random in part
    shutil.rmtree(folder / "assets", ignore_errors=True)  # empty
    (folder / METADATA).write_text(json.dumps(metadata, indent=1) + "\n")


def read(folder: Path) -> Weights:
    """The weights that `save` has written to a folder."""
    loaded = tf.saved_model.load(str(folder))
    found: Weights = []
    for kernel, norm in zip(loaded.kernels, loaded.norms, strict=True):
        found += [kernel.numpy(), *norm.numpy()]
    return found


class Exported(tf.Module):  # type: ignore[misc]
    """The network of weights that stand: for each convolution its kernel, and its normalisation
    [4, out], as one variable each costs 0.1 MB less."""

    def __init__(self, weights: Weights, shape: Shape) -> None:
        super().__init__()
        self._shape = shape
        self.kernels = [tf.Variable(each) for each in weights[::PER_CONVOLUTION]]
        every = range(0, len(weights), PER_CONVOLUTION)
        norms = (weights[at + 1 : at + PER_CONVOLUTION] for at in every)
        self.norms = [tf.Variable(np.stack(each)) for each in norms]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def __call__(self, images: Any, return_endpoints: bool = False) -> Any:
        """float32 [N, H, W, 3] in [0, 1] -> [N, dim], or every endpoint by name."""
        found = self.endpoints(images)
        return found if return_endpoints else found[DEFAULT]

    def endpoints(self, images: Any) -> dict[str, Any]:
        """The maps of strides 4 to 32, and the vector."""
        standing = _Standing(zip(self.kernels, self.norms, strict=True))
        maps = forward(standing, images, self._shape)
        return {**maps, DEFAULT: tf.reduce_mean(maps[LAST], axis=[1, 2])}


class _Standing:
    """Of weights that stand."""

    def __init__(self, weights: Iterator[tuple[Any, Any]]) -> None:
        self._weights = weights

    def convolved(self, x: Any, wide: int, kernel: int, stride: int) -> Any:
        weights, norm = next(self._weights)
        gamma, beta, mean, variance = tf.unstack(norm)
        x = tf.nn.conv2d(x, weights, stride, "SAME")
        return tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON))
