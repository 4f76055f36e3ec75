"""A task that only a tuned tail can do: the class is a fine texture that the frozen tail blurs.

The network: a feature map [8, 8, 2] of stripes under noise is the cut; behind it a convolution of
3 x 3 that averages, but for a little noise in its weights, a rectifier with a
threshold a filter and a mean over positions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

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
