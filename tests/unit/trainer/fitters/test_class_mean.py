"""The nearest class mean against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.fitters.base import FitError
from services.trainer.fitters.class_mean import SHARPNESS, fit_class_mean


def test_means_are_unit_and_seen_from_the_middle() -> None:
    z = np.array([[13.0, 20], [10, 25], [10, 21], [12, 22]])
    fit = fit_class_mean(z, np.array([1, 0, 0, 1]), 2)
    np.testing.assert_allclose(fit.centre, z.mean(axis=0))
    unit = (z - fit.centre) / np.linalg.norm(z - fit.centre, axis=1, keepdims=True)
    mean = np.stack([unit[1] + unit[2], unit[0] + unit[3]])
    np.testing.assert_allclose(fit.mean, mean / np.linalg.norm(mean, axis=1, keepdims=True))


def test_logits_are_sharpened_cosines_from_the_middle() -> None:
    fit = fit_class_mean(np.array([[2.0, 0], [-2, 0], [0, 4], [0, -4]]), np.array([0, 1, 2, 3]), 4)
    expected = SHARPNESS * np.array([[0.8, -0.8, 0.6, -0.6]])
    np.testing.assert_allclose(fit.logits(np.array([[8.0, 6.0]])), expected)
    np.testing.assert_allclose(fit.logits(np.array([[0.8, 0.6]])), expected)


def test_a_row_in_the_middle_is_no_nearer_to_any_class() -> None:
    fit = fit_class_mean(np.array([[2.0, 0], [-2, 0]]), np.array([0, 1]), 2)
    np.testing.assert_array_equal(fit.logits(np.zeros((1, 2))), [[0, 0]])


def test_a_class_without_examples_is_a_fit_error() -> None:
    with pytest.raises(FitError, match="class 2 has no example"):
        fit_class_mean(np.ones((2, 3)), np.array([0, 1]), 3)


def test_ten_thousand_classes_of_one_example_are_the_examples() -> None:
    z = np.random.default_rng(0).normal(size=(10_000, 64))
    fit = fit_class_mean(z, np.arange(10_000), 10_000)
    assert (fit.logits(z[:200]).argmax(axis=1) == np.arange(200)).all()
