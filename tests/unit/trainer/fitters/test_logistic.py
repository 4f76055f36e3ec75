"""The path of logistic regressions, held to scikit-learn's optimum and to itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler, normalize

from services.common.heads.base import Floats
from services.trainer.fitters.base import FitError
from services.trainer.fitters.logistic import Scaling, fit_logistic, fit_path, row_space

LABELS = ("a", "b", "c")


def _blobs(n: int, d: int, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centres = rng.normal(size=(3, d))
    return (centres[y] + 1.5 * rng.normal(size=(n, d)) + 0.5).astype(np.float32), y


def _scaled(x: Floats, train: Floats, scaling: Scaling) -> NDArray[np.float64]:
    if scaling == "l2":
        return np.asarray(normalize(x.astype(np.float64)))
    scaler = StandardScaler().fit(train.astype(np.float64))
    return np.asarray(scaler.transform(x.astype(np.float64)))


@pytest.mark.parametrize("scaling", ["l2", "standard"])
@pytest.mark.parametrize(("n", "d"), [(60, 200), (200, 20)])
@pytest.mark.parametrize("strength", [0.01, 1.0, 30.0])
def test_probabilities_are_those_of_scikit_learn(
    scaling: Scaling, n: int, d: int, strength: float
) -> None:
    x, y = _blobs(n, d)
    unseen = _blobs(50, d, seed=1)[0]
    reference = LogisticRegression(C=strength, tol=1e-9, max_iter=5000)
    reference.fit(_scaled(x, x, scaling), y)
    head = fit_logistic(x, y, LABELS, scaling=scaling, strengths=[strength / 10, strength])
    expected = reference.predict_proba(_scaled(unseen, x, scaling))
    np.testing.assert_allclose(head.proba(unseen), expected, atol=2e-3)


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    x, y = _blobs(60, 100)
    cold = fit_logistic(x, y, LABELS, scaling="l2", strengths=[64.0])
    warm = fit_logistic(x, y, LABELS, scaling="l2", strengths=[0.25, 1.0, 4.0, 16.0, 64.0])
    np.testing.assert_allclose(warm.proba(x), cold.proba(x), atol=1e-3)


def test_the_path_for_searching_is_close_to_the_optimum() -> None:
    x, y = _blobs(90, 100)
    unseen, truth = _blobs(200, 100, seed=0)
    heads = fit_path(row_space(x, "l2"), y, LABELS, [1.0, 16.0, 256.0])
    final = fit_logistic(x, y, LABELS, scaling="l2", strengths=[1.0, 16.0, 256.0])

    def loss(log_proba: Floats) -> float:
        return float(-log_proba[np.arange(200), truth].mean())

    assert len(heads) == 3
    assert loss(heads[-1].log_proba(unseen)) == pytest.approx(
        loss(final.log_proba(unseen)), abs=0.01
    )


def test_the_bias_is_not_regularised() -> None:
    x, y = _blobs(60, 50)
    y = np.where(np.arange(60) < 50, 0, 1 + y % 2)
    head = fit_logistic(x, y, LABELS, scaling="l2", strengths=[1e-6])
    np.testing.assert_allclose(head.proba(x).mean(axis=0), np.bincount(y) / 60, atol=1e-3)


def test_scaling_is_folded_into_the_weights() -> None:
    x, y = _blobs(60, 30)
    standard = fit_logistic(x, y, LABELS, scaling="standard", strengths=[0.1])
    assert not standard.normalise
    shifted = fit_logistic(x * 1000 + 7, y, LABELS, scaling="standard", strengths=[0.1])
    np.testing.assert_allclose(shifted.proba(x * 1000 + 7), standard.proba(x), atol=1e-3)
    assert fit_logistic(x, y, LABELS, scaling="l2", strengths=[0.1]).normalise


@pytest.mark.parametrize("scaling", ["l2", "standard"])
def test_features_that_never_vary_are_harmless(scaling: Scaling) -> None:
    x, y = _blobs(60, 30)
    x[:, 3:9] = 5.0
    head = fit_logistic(x, y, LABELS, scaling=scaling, strengths=[1.0])
    x[:, 3] = 6.0  # a change of what was constant in training must not decide anything
    assert np.isfinite(head.proba(x)).all()
    assert np.abs(head.weight[3]).max() < 1e-3 or scaling == "l2"


@pytest.mark.parametrize("scaling", ["l2", "standard"])
def test_equal_examples_give_the_shares_of_the_classes(scaling: Scaling) -> None:
    x, y = np.ones((10, 8), np.float32), np.array([0] * 5 + [1] * 3 + [2] * 2)
    head = fit_logistic(x, y, LABELS, scaling=scaling, strengths=[1.0])
    np.testing.assert_allclose(head.proba(x[:1])[0], [0.5, 0.3, 0.2], atol=1e-3)


def test_what_cannot_be_decomposed_is_a_fit_error() -> None:
    x, y = _blobs(20, 30)
    x[0, 0] = np.nan
    with pytest.raises(FitError):
        fit_path(row_space(x, "standard"), y, LABELS, [1.0])
