"""Discriminant analysis, held to scikit-learn's with the same covariance, and to its sums."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from services.trainer.fitters.base import Doubles, FitError, Indices, log_prior
from services.trainer.fitters.lda import SHRINKAGES, Moments, fit_lda


def _blobs(sizes: tuple[int, ...], d: int, seed: int = 0) -> tuple[Doubles, Indices]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    spread = rng.uniform(0.2, 2.0, size=d)
    return rng.normal(size=(len(sizes), d))[y] + spread * rng.normal(size=(len(y), d)), y


@pytest.mark.parametrize("solver", ["lsqr", "eigen"])
@pytest.mark.parametrize("d", [4, 30, 90])
@pytest.mark.parametrize("shrinkage", SHRINKAGES)
def test_logits_are_those_of_scikit_learn(solver: str, d: int, shrinkage: float) -> None:
    """Its covariance is (1 - a) W / n + a (tr W / n) / d, ours W / (n - c) + s (tr W / (n - c)) / n
    for the scatter W within classes: alike but for a factor when a / (1 - a) = s d / n."""
    z, y = _blobs((30, 20, 10), d)
    n, classes = len(y), 3
    share = shrinkage * d / n / (1 + shrinkage * d / n)
    reference = LinearDiscriminantAnalysis(solver=solver, shrinkage=share).fit(z, y)
    factor = (1 - share) * (n - classes) / n
    unseen = _blobs((10, 10, 10), d, seed=1)[0]
    scores = reference.decision_function(unseen)
    expected = factor * (scores - np.log(np.bincount(y) / n)) + log_prior(np.bincount(y))
    (fit,) = fit_lda(Moments.of(z, y, classes), [shrinkage])
    np.testing.assert_allclose(_centred(fit.logits(unseen)), _centred(expected), atol=1e-7)


def _centred(logits: Doubles) -> Doubles:
    """The eigen solver leaves out what all classes have in common."""
    return np.asarray(logits - logits.mean(axis=1, keepdims=True))


def test_the_whole_path_is_the_single_fits() -> None:
    z, y = _blobs((9, 7, 5), 40)
    moments = Moments.of(z, y, 3)
    for shrinkage, fit in zip(SHRINKAGES, fit_lda(moments, SHRINKAGES), strict=True):
        (alone,) = fit_lda(moments, [shrinkage])
        np.testing.assert_array_equal(fit.weight, alone.weight)
        np.testing.assert_array_equal(fit.bias, alone.bias)


def test_copies_of_the_examples_change_the_scale_but_nothing_else() -> None:
    z, y = _blobs((9, 7, 5), 40)
    (once,) = fit_lda(Moments.of(z, y, 3), [0.4])
    thrice = Moments.of(np.tile(z, (3, 1)), np.tile(y, 3), 3)
    (copied,) = fit_lda(thrice, [0.4], copies=3)
    n, c = len(y), 3
    np.testing.assert_allclose(copied.weight, once.weight * (3 * n - c) / (3 * (n - c)))


def test_copies_do_not_tell_the_spread_of_single_examples() -> None:
    z = np.random.default_rng(0).normal(size=(6, 5))
    with pytest.raises(FitError, match="single example"):
        fit_lda(Moments.of(z, np.arange(6) % 3, 3), [0.4], copies=2)


def test_a_class_left_out_altogether_is_never_answered() -> None:
    z, y = _blobs((9, 7, 5), 10)
    (fit,) = fit_lda(Moments.of(z, y, 4), [0.4])
    (without,) = fit_lda(Moments.of(z, y, 3), [0.4])
    np.testing.assert_allclose(fit.logits(z)[:, :3], without.logits(z))
    assert (fit.logits(z)[:, 3] == -np.inf).all()


@pytest.mark.parametrize("offset", [0.0, 0.1, 1000.0])
def test_classes_of_equal_examples_have_no_spread(offset: float) -> None:
    """What subtracting sums leaves of nothing must not be taken for a covariance."""
    y = np.arange(30) % 3
    z = np.random.default_rng(0).normal(size=(3, 40))[y] + offset
    with pytest.raises(FitError, match="no spread"):
        fit_lda(Moments.of(z, y, 3), SHRINKAGES)


def test_what_cannot_be_decomposed_is_a_fit_error() -> None:
    z, y = _blobs((9, 7, 5), 40)
    z[0, 0] = np.nan
    with pytest.raises(FitError):
        fit_lda(Moments.of(z, y, 3), SHRINKAGES)


def test_many_classes_are_added_up_in_little_memory() -> None:
    classes = 200_000  # a matrix of classes by examples would take 320 GB
    z, y = np.ones((classes, 2)), np.arange(classes)[::-1]
    moments = Moments.of(z, y, classes)
    np.testing.assert_array_equal(moments.count, 1)
    np.testing.assert_array_equal(moments.total, 1)
