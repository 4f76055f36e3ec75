"""The curves of the grid, and what is known of them after measuring."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.evaluate.growth import (
    BETAS,
    EXPONENTS,
    Curves,
    Level,
    Posterior,
    Series,
    Values,
    basis,
    curves,
    fit,
    grid,
    weak_prior,
)

SIZES = np.log2(np.array([0.2, 0.3, 0.4, 0.6, 0.9]))
PRIOR = weak_prior(0.2, 3.0, 0.1)


def _fit(z: Values, deviation: float, x: Values = SIZES) -> Posterior:
    covariance = np.eye(len(x)) * deviation**2
    return fit(Series(x[None], z[None], covariance[None]), Level(0.7, 0.7), PRIOR)


def test_every_exponent_starts_with_the_same_slope_and_higher_ones_flatten() -> None:
    step = 1e-6
    assert basis(step, EXPONENTS) / step == pytest.approx(np.ones(len(EXPONENTS)), abs=1e-5)
    assert basis(0.0, EXPONENTS) == pytest.approx(np.zeros(len(EXPONENTS)))
    assert np.all(np.diff(basis(2.0, EXPONENTS)) < 0)
    assert basis(2.0, 0.0) == 2.0
    assert basis(1.0, 1.0) == pytest.approx(0.5 / np.log(2))


@pytest.mark.parametrize(("beta", "exponent"), [(0.2, 0.0), (0.4, 0.5), (0.12, 1.0), (0.0, 0.0)])
def test_an_exact_curve_is_found_again(beta: float, exponent: float) -> None:
    z = 0.5 + beta * basis(SIZES, exponent)
    found = curves(_fit(z, 1e-4))
    expected = 0.5 + beta * basis(1.0, exponent)
    assert found.quantiles(found.at(2.0), (0.5,))[0, 0] == pytest.approx(expected, abs=0.01)


def test_noise_leaves_the_prior() -> None:
    found = _fit(np.zeros(5), 1e3)
    assert found.weight[0] == pytest.approx(PRIOR, abs=1e-4)
    assert found.mean[0] == pytest.approx(np.full(len(PRIOR), 0.7), abs=1e-4)
    assert found.variance[0, 0] == pytest.approx(0.49, rel=1e-3)


def test_the_posterior_of_alpha_is_that_of_a_normal_mean() -> None:
    """One size, so that alpha given a flat curve is the textbook case of one observation."""
    x = np.zeros(1)
    found = _fit(np.array([1.0]), 0.5, x)
    weight = 0.5**-2 / (0.5**-2 + 0.7**-2)
    assert found.mean[0, 0] == pytest.approx(0.7 + weight * 0.3)
    assert found.variance[0, 0] == pytest.approx(1 / (0.5**-2 + 0.7**-2))


def test_more_examples_never_lower_a_curve_and_widen_the_range() -> None:
    z = 0.5 + 0.2 * SIZES
    found = curves(_fit(z, 0.05))
    ranges = [found.quantiles(found.at(r), (0.1, 0.5, 0.9))[0] for r in (1, 1.5, 2, 4, 8)]
    assert np.all(np.diff([each[1] for each in ranges]) > 0)
    assert np.all(np.diff([each[2] - each[0] for each in ranges]) > 0)


def test_quantiles_are_those_of_the_weights() -> None:
    found = Curves(np.zeros((1, 3)), np.zeros(3), np.zeros(3), np.array([[0.2, 0.5, 0.3]]))
    middle = found.quantiles(np.array([[3.0, 1.0, 2.0]]), (0.25, 0.65, 0.9))
    assert middle == pytest.approx(np.array([[1.0, 2.0, 3.0]]))


def test_luck_adds_its_variance() -> None:
    found = curves(_fit(np.full(5, 0.5), 0.1))
    wide, luck = found.with_luck(0.04)
    assert wide.weight.sum() == pytest.approx(1)
    assert (wide.weight * luck).sum() == pytest.approx(0, abs=1e-12)
    assert (wide.weight * luck**2).sum() == pytest.approx(0.04)
    before = (found.weight * found.at(2.0)).sum()
    assert (wide.weight * wide.at(2.0)).sum() == pytest.approx(before)


def test_extra_variance_of_alpha_is_added() -> None:
    found = _fit(np.full(5, 0.5), 0.1)
    plain, lucky = curves(found), curves(found, 0.09)
    spread = [
        float((each.weight * each.alpha**2).sum() - (each.weight * each.alpha).sum() ** 2)
        for each in (plain, lucky)
    ]
    assert spread[1] - spread[0] == pytest.approx(0.09)


def test_the_grid_holds_each_pair_once() -> None:
    beta, exponent = grid()
    assert len(set(zip(beta, exponent, strict=True))) == len(BETAS) * len(EXPONENTS)
    assert PRIOR.sum() == pytest.approx(1)
    assert (PRIOR * beta).sum() == pytest.approx(0.9 * 0.2, abs=0.01)
    assert PRIOR[beta == 0].sum() == pytest.approx(0.1, abs=0.001)
