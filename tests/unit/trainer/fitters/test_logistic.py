"""The path of logistic regressions, held to scikit-learn's optimum and to itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from services.common.heads.base import log_softmax, softmax
from services.trainer.fitters.base import Doubles, FitError, Indices, Truth, log_prior
from services.trainer.fitters.logistic import FINAL_TOLERANCE, fit_path


def _blobs(n: int, d: int, classes: int = 3, seed: int = 0) -> tuple[Doubles, Indices]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % (classes + 1) % classes  # class 0 has twice as many examples
    z = np.random.default_rng(9).normal(size=(classes, d))[y] + 1.5 * rng.normal(size=(n, d)) + 0.5
    return z / np.sqrt(d), y


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("n", "d"), [(60, 200), (200, 20)])
@pytest.mark.parametrize("strength", [0.01, 1.0, 30.0])
def test_logits_are_those_of_scikit_learn_with_half_its_prior(
    classes: int, n: int, d: int, strength: float
) -> None:
    z, y = _blobs(n, d, classes)
    # With two classes it fits one vector, of which ours are the halves: the same penalty at 2 C.
    reference = LogisticRegression(C=strength * (2 if classes == 2 else 1), tol=1e-9, max_iter=5000)
    reference.fit(z, y)
    unseen = _blobs(50, d, classes, seed=1)[0]
    path = [strength / 10, strength]
    fit = fit_path(z, y, classes, path, tolerance=FINAL_TOLERANCE)[-1]
    expected = reference.predict_log_proba(unseen) - log_prior(np.bincount(y))
    np.testing.assert_allclose(softmax(fit.logits(unseen)), softmax(expected), atol=1e-4)


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    z, y = _blobs(60, 100)
    cold = fit_path(z, y, 3, [64.0], tolerance=FINAL_TOLERANCE)[-1]
    warm = fit_path(z, y, 3, [0.25, 1.0, 4.0, 16.0, 64.0], tolerance=FINAL_TOLERANCE)[-1]
    np.testing.assert_allclose(softmax(warm.logits(z)), softmax(cold.logits(z)), atol=1e-4)


def test_the_path_for_searching_is_close_to_the_optimum() -> None:
    z, y = _blobs(90, 100)
    unseen, truth = _blobs(200, 100, seed=1)
    strengths = [1.0, 16.0, 256.0]
    quick = fit_path(z, y, 3, strengths)
    final = fit_path(z, y, 3, strengths, tolerance=FINAL_TOLERANCE)

    def loss(logits: Doubles) -> float:
        return float(-log_softmax(logits)[np.arange(200), truth].mean())

    assert len(quick) == 3
    for one, other in zip(quick, final, strict=True):
        assert loss(one.logits(unseen)) == pytest.approx(loss(other.logits(unseen)), abs=0.01)


def test_the_bias_is_free_and_the_shares_count_half() -> None:
    z, y = _blobs(60, 50)
    y = np.where(np.arange(60) < 50, 0, 1 + y % 2)
    (fit,) = fit_path(z, y, 3, [1e-6], tolerance=FINAL_TOLERANCE)
    root = np.sqrt(np.bincount(y))
    np.testing.assert_allclose(softmax(fit.logits(z)).mean(axis=0), root / root.sum(), atol=1e-3)


def test_where_the_rows_lie_does_not_matter() -> None:
    z, y = _blobs(60, 30)
    here = fit_path(z, y, 3, [1.0], tolerance=FINAL_TOLERANCE)[0]
    there = fit_path(z + 1000, y, 3, [1.0], tolerance=FINAL_TOLERANCE)[0]
    np.testing.assert_allclose(there.logits(z + 1000), here.logits(z), atol=1e-4)


def test_equal_examples_give_the_roots_of_the_shares() -> None:
    z, y = np.ones((10, 8)), np.array([0] * 5 + [1] * 4 + [2])
    (fit,) = fit_path(z, y, 3, [1.0], tolerance=FINAL_TOLERANCE)
    root = np.sqrt([5, 4, 1])
    np.testing.assert_allclose(softmax(fit.logits(z[:1]))[0], root / root.sum(), atol=1e-4)


def test_what_is_not_finite_is_a_fit_error() -> None:
    z, y = _blobs(20, 30)
    z[0, 0] = np.nan
    with pytest.raises(FitError, match="C=1 did not converge"):
        fit_path(z, y, 3, [1.0])


def _several(n: int, d: int) -> tuple[Doubles, Truth]:
    rng = np.random.default_rng(3)
    borne = rng.random((n, 3)) < [0.5, 0.4, 0.2]
    return (borne @ rng.normal(size=(3, d)) + rng.normal(size=(n, d))) / np.sqrt(d), borne


@pytest.mark.parametrize(("n", "d"), [(60, 100), (120, 20)])
@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_several_labels_are_told_one_against_the_rest(n: int, d: int, strength: float) -> None:
    """As by scikit-learn, given the example in the middle that bears half of each label."""
    z, borne = _several(n, d)
    fit = fit_path(z, borne, 3, [strength], tolerance=FINAL_TOLERANCE)[0]
    rows = np.vstack([z, z.mean(axis=0), z.mean(axis=0)])
    weight = np.append(np.ones(n), [0.5, 0.5])
    for label in range(3):
        model = LogisticRegression(C=strength, tol=1e-9, max_iter=5000)
        model.fit(rows, np.append(borne[:, label], [True, False]), sample_weight=weight)
        found = fit.logits(z)[:, label]
        np.testing.assert_allclose(found, model.decision_function(z), atol=2e-3)


def test_a_label_that_all_bear_or_none_has_an_optimum() -> None:
    z, borne = _several(40, 10)
    borne[:, 0], borne[:, 1] = True, False
    logits = fit_path(z, borne, 3, [0.25, 64.0], tolerance=FINAL_TOLERANCE)[-1].logits(z)
    np.testing.assert_allclose(logits[:, 0], np.log(40.5 / 0.5), atol=0.01)
    np.testing.assert_allclose(logits[:, 1], -np.log(40.5 / 0.5), atol=0.01)
