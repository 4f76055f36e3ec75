"""The nearest class mean against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.fitters.base import FitError
from services.trainer.fitters.class_mean import fit_class_mean


def test_weights_are_the_unit_means_of_unit_vectors() -> None:
    x = np.array([[3, 0], [0, 5], [0, 1], [2, 2]], np.float32)
    head = fit_class_mean(x, np.array([1, 0, 0, 1]), ("b", "a"), sharpness=2.0)
    mean = (np.array([1, 0]) + np.array([1, 1]) / np.sqrt(2)) / 2
    np.testing.assert_allclose(head.mean, [[0, 1], mean / np.linalg.norm(mean)], atol=1e-6)
    assert head.mean.dtype == np.float32


def test_scores_are_a_softmax_of_cosines() -> None:
    x = np.array([[1, 0], [0, 1]], np.float32)
    head = fit_class_mean(x, np.array([0, 1]), ("a", "b"), sharpness=2.0)
    odds = np.exp(2 * 0.8) / np.exp(2 * 0.6)
    assert head.proba(np.array([[8, 6]], np.float32))[0, 0] == pytest.approx(odds / (1 + odds))


def test_a_class_without_examples_is_a_fit_error() -> None:
    with pytest.raises(FitError, match="'c'"):
        fit_class_mean(np.ones((2, 3), np.float32), np.array([0, 1]), ("a", "b", "c"))


def test_ten_thousand_classes_of_one_example_are_the_examples() -> None:
    x = np.random.default_rng(0).normal(size=(10_000, 64)).astype(np.float32)
    labels = [str(i) for i in range(10_000)]
    head = fit_class_mean(x, np.arange(10_000), labels)
    assert (head.answer(x[:200]).best == np.arange(200)).all()
