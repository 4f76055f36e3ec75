"""The principal subspace against a singular value decomposition, and what is not a subspace."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.heads.base import Floats
from services.trainer.data.split import stratified_folds
from services.trainer.fitters.base import FitError
from services.trainer.fitters.familiarity import (
    FIT_ROWS,
    RANK,
    centred_gram,
    distances_from,
    fit_familiarity,
    fit_rows,
    held_out_distances,
)


def _embeddings(n: int, d: int, seed: int = 0) -> Floats:
    """Rows of length 1 with a falling spectrum."""
    x = np.random.default_rng(seed).normal(size=(n, d)) * np.geomspace(1, 0.05, d)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def _by_definition(train: Floats, x: Floats) -> np.ndarray:
    mean = train.mean(axis=0, dtype=np.float64)
    rank = min(RANK, len(train) - 1, train.shape[1] // 2)
    directions = np.linalg.svd(train - mean, full_matrices=False)[2][:rank]
    z = x - mean
    return np.asarray((z**2).sum(axis=1) - ((z @ directions.T) ** 2).sum(axis=1))


def _assert_close(found: Floats, exact: np.ndarray) -> None:
    """Up to the rounding of directions to 8 bits: each by a little, the mean by less."""
    np.testing.assert_allclose(found, exact, rtol=0.05, atol=2e-3)
    assert found.mean() == pytest.approx(exact.mean(), rel=0.01)


@pytest.mark.parametrize(("n", "d"), [(12, 200), (60, 200), (300, 50), (300, 7)])
def test_distances_are_those_of_a_singular_value_decomposition(n: int, d: int) -> None:
    x, new = _embeddings(n, d), _embeddings(50, d, seed=1)
    familiarity = fit_familiarity(x)
    assert familiarity.directions.shape == (d, min(RANK, n - 1, d // 2))
    np.testing.assert_allclose(
        familiarity.distance(new), _by_definition(x, new), rtol=0.05, atol=2e-3
    )


@pytest.mark.parametrize(("n", "d"), [(15, 100), (90, 100), (90, 9)])
def test_distances_from_products_are_those_of_the_subspace_of_the_rows(n: int, d: int) -> None:
    x = _embeddings(n, d)
    train, test = np.arange(n // 3, n), np.arange(n // 3)
    found = distances_from(centred_gram(x), train, test, dim=d)
    np.testing.assert_allclose(found, _by_definition(x[train], x[test]), atol=1e-6)


def test_held_out_distances_are_shorter_by_what_one_more_of_a_class_would_bring() -> None:
    x, y = _embeddings(60, 100), np.arange(60) % 6
    plan = stratified_folds(y, folds=5)
    gram, near, far = centred_gram(x), np.zeros(60), np.zeros(60)
    for number, fold in enumerate(plan.folds):
        after = plan.folds[(number + 1) % 5].test
        near[fold.test] = distances_from(gram, fold.train, fold.test, dim=100)
        few = np.setdiff1d(fold.train, after)
        far[fold.test] = distances_from(gram, few, fold.test, dim=100)
    # Of 10 of a class 8 are left, then 6: 1 / s goes from 5 / 3 over 5 / 4 to 1.
    slope = (far - near).mean() / (5 / 3 - 5 / 4)
    assert slope > 0
    found = held_out_distances(x, y, plan)
    np.testing.assert_allclose(found, near - slope * (5 / 4 - 1), rtol=1e-6)


def test_held_out_distances_are_about_those_of_new_examples() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 80))
    y = np.arange(48) % 6
    spectrum = np.geomspace(2, 0.2, 80)
    found, new = [], []
    for _ in range(12):
        x, other = ((centres[y] + rng.normal(size=(48, 80)) * spectrum).astype("f4") for _ in "ab")
        plan = stratified_folds(y, folds=48)
        found.append(held_out_distances(x, y, plan).mean())
        new.append(fit_familiarity(x).distance(other).mean())
    assert np.mean(found) == pytest.approx(np.mean(new), rel=0.03)


def test_what_is_never_held_out_has_no_distance() -> None:
    x, groups = _embeddings(6, 20), np.array([0, 0, 1, 2, 3, 4])
    y = np.array([0, 0, 1, 1, 1, 1])
    found = held_out_distances(x, y, stratified_folds(y, groups, folds=2))
    np.testing.assert_array_equal(np.isnan(found), [1, 1, 0, 0, 0, 0])


def test_a_new_example_is_further_away_than_one_that_was_fitted() -> None:
    x, new = _embeddings(60, 200), _embeddings(60, 200, seed=1)
    familiarity = fit_familiarity(x)
    assert familiarity.distance(new).mean() > 1.2 * familiarity.distance(x).mean()


@pytest.mark.parametrize(
    "x",
    [
        np.ones((1, 5), np.float32),
        np.ones((7, 5), np.float32),
        np.repeat(_embeddings(2, 5), 4, axis=0),
        np.zeros((4, 5), np.float32),
    ],
    ids=["one", "equal", "two-places", "zeros"],
)
def test_few_different_examples_are_a_subspace_all_the_same(x: Floats) -> None:
    distance = fit_familiarity(x).distance(x)
    np.testing.assert_allclose(distance, 0, atol=1e-4)
    assert fit_familiarity(x).distance(x + 3).min() > 1


def test_one_feature_is_enough() -> None:
    x = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
    assert np.isfinite(fit_familiarity(x).distance(x)).all()


def test_constant_features_change_nothing() -> None:
    x, new = _embeddings(40, 30), _embeddings(10, 30, seed=1)
    wide, wide_new = (np.hstack([a, np.ones((len(a), 30), np.float32)]) for a in (x, new))
    rank = fit_familiarity(wide).directions.shape[1]
    assert rank == 30
    exact = _by_definition(wide, wide_new)
    np.testing.assert_allclose(
        fit_familiarity(wide).distance(wide_new), exact, rtol=0.05, atol=2e-3
    )


def test_many_examples_cost_as_much_as_some() -> None:
    assert len(fit_rows(FIT_ROWS, 0)) == FIT_ROWS
    rows = fit_rows(1_000_000, seed=3)
    assert len(np.unique(rows)) == FIT_ROWS
    assert rows.max() > 900_000
    np.testing.assert_array_equal(rows, fit_rows(1_000_000, seed=3))
    x = _embeddings(3 * FIT_ROWS, 64)
    some, new = x[fit_rows(len(x), 0)], _embeddings(50, 64, seed=1)
    np.testing.assert_allclose(
        fit_familiarity(x).distance(new), _by_definition(some, new), atol=5e-3
    )


def test_embeddings_that_are_not_finite_are_a_fit_error() -> None:
    x = _embeddings(10, 20)
    x[3, 4] = np.nan
    with pytest.raises(FitError, match="decomposed"):
        fit_familiarity(x)
