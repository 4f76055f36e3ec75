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
def test_held_out_distances_are_those_of_subspaces_fitted_without(n: int, d: int) -> None:
    x = _embeddings(n, d)
    plan = stratified_folds(np.zeros(n, np.int64), folds=4)
    found = held_out_distances(x, plan)
    for fold in plan.folds:
        expected = _by_definition(x[fold.train], x[fold.test])
        np.testing.assert_allclose(found[fold.test], expected, atol=1e-6)


def test_what_is_never_held_out_has_no_distance() -> None:
    x, groups = _embeddings(6, 20), np.array([0, 0, 1, 2, 3, 4])
    plan = stratified_folds(np.array([0, 0, 1, 1, 1, 1]), groups, folds=2)
    np.testing.assert_array_equal(np.isnan(held_out_distances(x, plan)), [1, 1, 0, 0, 0, 0])


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
