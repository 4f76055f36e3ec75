"""A task that only a tuned tail can do: the class is a fine texture that the frozen tail blurs.

The network: a feature map [8, 8, 2] of stripes under noise is the cut; behind it a convolution of
3 x 3 that averages, but for a little noise in its weights, a rectifier with a
threshold a filter and a mean over positions.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from services.networks.cut import Tail, cut
from tests.support import savedmodel  # sets TensorFlow up

SIDE = 8
CHANNELS = 2
FILTERS = 16
LABELS = ("across", "down")
assert savedmodel.THREADS == 1


def tail() -> Tail:
    """The tail behind `map`; endpoints `map` and `default` [16]."""
    rng = np.random.default_rng(3)
    blur = np.full((3, 3, CHANNELS, FILTERS), 1 / (9 * CHANNELS), np.float32)
    kernel = tf.Variable(blur + rng.normal(0, 0.002, blur.shape).astype(np.float32))
    bias = tf.Variable(np.linspace(-0.4, 0.4, FILTERS, dtype=np.float32))

    def network(images: Any) -> dict[str, Any]:
        found = tf.nn.relu(tf.nn.conv2d(images, kernel, 1, "VALID") + bias)
        return {"map": images, "default": tf.reduce_mean(found, axis=[1, 2])}

    spec = tf.TensorSpec([None, SIDE, SIDE, CHANNELS], tf.float32)
    return cut(lambda x: network(tf.identity(x)), spec, ["map"])


def examples(per_class: int, seed: int) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Maps float16 [2 per_class, 8, 8, 2] and their classes: stripes of one position's width."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(2), per_class)
    stripes = np.where(np.arange(SIDE) % 2 == 0, 1.0, -1.0)
    phase = rng.choice([-1.0, 1.0], len(y))[:, None, None]
    across = np.broadcast_to(stripes[:, None], (SIDE, SIDE))
    pattern = phase * np.where(y[:, None, None] == 0, across, across.T)
    noise = rng.normal(0, 1.0, (len(y), SIDE, SIDE, CHANNELS))
    return (0.7 * pattern[..., None] + noise).astype(np.float16), y


class Network(tf.Module):  # type: ignore[misc]
    """The same task for whole pictures, [32, 32, 3] in 0 to 1: the map is their 4 x 4 blocks.

    With a larger `gain` the map is larger and the weights are smaller, so that a step of training
    goes further. With less `noise` in the weights the frozen network tells less apart.
    """

    def __init__(self, gain: float = 1.0, noise: float = 0.002) -> None:
        super().__init__()
        self._gain = gain
        rng = np.random.default_rng(3)
        blur = np.full((3, 3, 3, FILTERS), 1 / 27, np.float32)
        kernel = blur + rng.normal(0, noise, blur.shape).astype(np.float32)
        self.kernel = tf.Variable(kernel / np.float32(gain))
        self.bias = tf.Variable(np.linspace(-0.4, 0.4, FILTERS, dtype=np.float32))

    def answer(self, images: Any, training: bool = False, return_endpoints: bool = False) -> Any:
        """The vector, or all endpoints: `map` [8, 8, 3], `late` [6, 6, 16], `default` [16]."""
        blocks = 4 * self._gain * tf.nn.avg_pool2d(images - 0.5, 4, 4, "VALID")
        late = tf.nn.relu(tf.nn.conv2d(blocks, self.kernel, 1, "VALID") + self.bias)
        outputs = {"map": blocks, "late": late, "default": tf.reduce_mean(late, axis=[1, 2])}
        return outputs if return_endpoints else outputs["default"]


def save_network(folder: Path, gain: float = 1.0, noise: float = 0.002) -> Path:
    """Writes that network as a SavedModel to `folder` and answers it."""
    network = Network(gain, noise)
    network.__call__ = tf.function(network.answer, autograph=False)
    spec = tf.TensorSpec([None, 4 * SIDE, 4 * SIDE, 3], tf.float32, name="images")
    for rich in (False, True):
        network.__call__.get_concrete_function(spec, False, rich)
    tf.saved_model.save(network, str(folder))
    return folder


def pictures(per_class: int, seed: int) -> tuple[list[bytes], NDArray[np.int64]]:
    """PNG files of 32 x 32 pixels that show the maps of `examples`, and their classes."""
    maps, y = examples(per_class, seed)
    grey = np.clip(127.5 * (1 + 0.3 * maps[..., 0].astype(np.float32)), 0, 255)
    files = []
    for pixels in np.kron(grey, np.ones((1, 4, 4))).astype(np.uint8):
        out = io.BytesIO()
        Image.fromarray(pixels).convert("RGB").save(out, "PNG")
        files.append(out.getvalue())
    return files, y
