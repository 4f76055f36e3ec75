"""Our resize against the one that the backbones were trained and measured with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from services.embedder.backbones import bundled
from services.embedder.preprocess import Preprocess
from services.networks.module import Module, load_module
from tests.support.images import picture, pixels
from tests.support.savedmodel import THREADS

SIDE = 96
PREPROCESS = Preprocess(SIDE, SIDE, 0.0, 1.0)


@pytest.fixture(scope="module")
def module() -> Module:
    assert THREADS  # TensorFlow has been set up
    return load_module(bundled.FOLDER)


def vector(module: Module, image: Any) -> np.ndarray:
    found = module.call(tf.constant(image, tf.float32)[tf.newaxis])["default"]
    return np.asarray(found.numpy()[0], np.float64)


# From twice the size on, the picture is first reduced by a box: faster, and a little off.
@pytest.mark.parametrize(
    ("size", "cosine"),
    [((96, 96), 0.99999), ((60, 80), 0.9999), ((180, 130), 0.9999), ((500, 375), 0.999)],
)
def test_vectors_agree_with_those_of_tensorflows_resize(
    module: Module, size: tuple[int, int], cosine: float
) -> None:
    for seed in range(3):
        noisy = pixels(picture(*size, seed=seed)).astype(np.int16)
        noisy += np.random.default_rng(seed).integers(-20, 20, noisy.shape, dtype=np.int16)
        image = noisy.clip(0, 255).astype(np.uint8)
        reference = tf.image.resize(image, [SIDE, SIDE], method="bilinear", antialias=True) / 255.0
        ours, theirs = vector(module, PREPROCESS(image)), vector(module, reference)
        found = ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs))
        assert found >= cosine, (size, seed, found)
