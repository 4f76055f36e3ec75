"""Ridge regression, held to scikit-learn's, and its leave-one-out to actually leaving out."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.linear_model

from services.trainer.fitters import ridge
from services.trainer.fitters.base import Doubles, FitError, Indices, Truth, log_prior
from services.trainer.fitters.ridge import ALONE, SHARPNESS, STRENGTHS, fit_ridge


def _blobs(n: int, d: int, noise: float, seed: int = 0) -> tuple[Doubles, Indices]:
    rng = np.random.default_rng(seed)
    y = np.minimum(np.arange(n) % 4, 2)  # class 2 has twice as many examples
    return rng.normal(size=(3, d))[y] + noise * rng.normal(size=(n, d)) + 5, y


def _scale(z: Doubles) -> float:
    """The mean eigenvalue, as a share of which a strength is told."""
    return float(((z - z.mean(axis=0)) ** 2).sum() / len(z))


def _left_out(z: Doubles, y: Indices, strength: float, copies: int) -> float:
    """The mean squared error on each example by a fit without it and its views."""
    penalty, target = strength * _scale(z), np.eye(3)[y]
    n, errors = len(z) // copies, []
    for i in range(n):
        out = np.isin(np.arange(len(z)) % n, i)
        model = sklearn.linear_model.Ridge(alpha=penalty).fit(z[~out], target[~out])
        errors.append(model.predict(z[out]) - target[out])
    return float(np.mean(np.square(errors)))


@pytest.mark.parametrize(("n", "d"), [(24, 60), (60, 12)])
def test_the_fit_is_that_of_scikit_learn(n: int, d: int) -> None:
    z, y = _blobs(n, d, 1.0)
    fit = fit_ridge(z, y, 3)
    model = sklearn.linear_model.Ridge(alpha=fit.strength * _scale(z)).fit(z, np.eye(3)[y])
    unseen = _blobs(20, d, 1.0, seed=1)[0]
    counts = np.bincount(y)
    expected = SHARPNESS * (model.predict(unseen) - counts / n) + log_prior(counts)
    np.testing.assert_allclose(fit.logits(unseen), expected, atol=1e-8)


@pytest.mark.parametrize("copies", [1, 2, 3])
@pytest.mark.parametrize(("n", "d"), [(16, 40), (32, 6)])
@pytest.mark.parametrize("noise", [0.3, 2.0, 6.0])
def test_the_strength_is_the_best_of_actually_leaving_out(
    monkeypatch: pytest.MonkeyPatch, copies: int, n: int, d: int, noise: float
) -> None:
    """On a grid so fine that an error of a few percent would choose a neighbour."""
    strengths = tuple(np.geomspace(0.01, 30, 25).tolist())
    monkeypatch.setattr(ridge, "STRENGTHS", strengths)
    z, y = _blobs(n, d, noise)
    rng = np.random.default_rng(2)
    views = [z + 0.3 * i * rng.normal(size=z.shape) for i in range(copies)]
    z, y = np.concatenate(views), np.tile(y, copies)
    errors = [_left_out(z, y, strength, copies) for strength in strengths]
    assert fit_ridge(z, y, 3, copies=copies).strength == strengths[int(np.argmin(errors))]


@pytest.mark.parametrize("copies", [1, 2])
def test_leave_one_out_gives_the_error_of_actually_leaving_out(copies: int) -> None:
    z, y = _blobs(20, 30, 2.0)
    z = np.concatenate([z, z + np.random.default_rng(1).normal(size=z.shape)])[: 20 * copies]
    y = np.tile(y, copies)
    values, vectors = ridge._decompose(z - z.mean(axis=0))
    target = np.eye(3)[y] - np.bincount(y) / len(y)
    for strength in STRENGTHS:
        penalty = strength * _scale(z)
        found = ridge._left_out_error(vectors, values, penalty, vectors.T @ target, y, copies)
        assert found == pytest.approx(_left_out(z, y, strength, copies), rel=1e-6)


def test_classes_are_taken_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    z, y = _blobs(20, 30, 2.0)
    whole = fit_ridge(z, y, 3)
    monkeypatch.setattr(ridge, "_CHUNK", 2)
    assert fit_ridge(z, y, 3).strength == whole.strength
    values, vectors = ridge._decompose(z - z.mean(axis=0))
    inner = vectors.T @ np.eye(3)[y]
    for strength in STRENGTHS:
        penalty = strength * _scale(z)
        found = ridge._left_out_error(vectors, values, penalty, inner, y, 1)
        assert found == pytest.approx(_left_out(z, y, strength, 1), rel=1e-6)


def test_more_noise_asks_for_more_strength() -> None:
    chosen = [fit_ridge(*_blobs(200, 40, noise), 3).strength for noise in (0.3, 12.0)]
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[1]


@pytest.mark.parametrize("copies", [1, 2])
def test_where_nothing_can_be_left_out_the_strength_is_given(copies: int) -> None:
    z = np.random.default_rng(0).normal(size=(3 * copies, 8))
    fit = fit_ridge(z, np.arange(3 * copies) % 3, 3, copies=copies)
    assert fit.strength == ALONE
    assert (fit.logits(z[:3]).argmax(axis=1) == np.arange(3)).all()


def test_equal_examples_are_a_fit_error() -> None:
    with pytest.raises(FitError, match="all alike"):
        fit_ridge(np.ones((6, 4)), np.arange(6) % 3, 3)


def test_what_cannot_be_decomposed_is_a_fit_error() -> None:
    z, y = _blobs(40, 60, 1.0)
    z[0, 0] = np.nan
    with pytest.raises(FitError):
        fit_ridge(z, y, 3)


def _several(n: int, d: int, noise: float) -> tuple[Doubles, Truth]:
    """Two of three labels may stand together; some rows bear none."""
    rng = np.random.default_rng(3)
    borne = rng.random((n, 3)) < [0.5, 0.4, 0.2]
    return borne @ rng.normal(size=(3, d)) + noise * rng.normal(size=(n, d)) + 2, borne


def test_several_labels_are_fitted_as_scikit_learn_fits_their_indicators() -> None:
    z, borne = _several(40, 25, 1.0)
    fit = fit_ridge(z, borne, 3)
    model = sklearn.linear_model.Ridge(alpha=fit.strength * _scale(z)).fit(z, borne.astype(float))
    unseen = _several(10, 25, 1.0)[0] + 0.5
    expected = SHARPNESS * (model.predict(unseen) - 0.5)
    np.testing.assert_allclose(fit.logits(unseen), expected, atol=1e-8)


@pytest.mark.parametrize("noise", [0.3, 2.0, 6.0])
def test_one_strength_for_several_labels_is_the_best_of_actually_leaving_out(
    monkeypatch: pytest.MonkeyPatch, noise: float
) -> None:
    strengths = tuple(np.geomspace(0.01, 30, 25).tolist())
    monkeypatch.setattr(ridge, "STRENGTHS", strengths)
    z, borne = _several(24, 40, noise)

    def left_out(strength: float) -> float:
        errors = []
        for i in range(len(z)):
            out = np.arange(len(z)) == i
            model = sklearn.linear_model.Ridge(alpha=strength * _scale(z))
            model.fit(z[~out], borne[~out].astype(float))
            errors.append(model.predict(z[out]) - borne[out])
        return float(np.mean(np.square(errors)))

    expected = strengths[int(np.argmin([left_out(strength) for strength in strengths]))]
    assert fit_ridge(z, borne, 3).strength == expected


def test_a_label_that_all_bear_or_none_is_always_or_never_answered() -> None:
    z, borne = _several(20, 8, 1.0)
    borne[:, 0], borne[:, 1] = True, False
    logits = fit_ridge(z, borne, 3).logits(z)
    np.testing.assert_allclose(logits[:, :2], [[SHARPNESS / 2, -SHARPNESS / 2]] * 20)
