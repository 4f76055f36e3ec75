"""The nearest class mean against its formula."""

from __future__ import annotations

import numpy as np

from services.common.heads.base import Floats
from services.common.heads.blocks import Blocks
from services.common.heads.class_mean import ClassMeanHead

MEAN = np.array([[1, 0], [0, 1]], np.float32)


def _head(centre: Floats, blocks: Blocks | None = None) -> ClassMeanHead:
    chosen = blocks or Blocks.raw(2)
    return ClassMeanHead(("a", "b"), MEAN, centre, sharpness=10.0, blocks=chosen)


def test_logits_are_sharpened_cosines_however_long_the_vector() -> None:
    head = _head(np.zeros(2, np.float32))
    x = np.array([[3, 4], [300, 400]], np.float32)
    np.testing.assert_allclose(head.logits(x), [[6, 8]] * 2, rtol=1e-6)


def test_cosines_are_seen_from_the_centre() -> None:
    head = _head(np.array([1, 2], np.float32))
    np.testing.assert_allclose(head.logits(np.array([[4, 6]], np.float32)), [[6, 8]], rtol=1e-6)


def test_the_centre_is_one_of_features_and_not_of_vectors() -> None:
    head = _head(np.array([0.6, 0], np.float32), Blocks.unit(2))
    np.testing.assert_allclose(head.logits(np.array([[3, 4]], np.float32)), [[0, 10]], atol=1e-5)


def test_at_the_centre_all_classes_are_alike() -> None:
    centre = np.array([1, 2], np.float32)
    np.testing.assert_array_equal(_head(centre).proba(centre[None]), [[0.5, 0.5]])
