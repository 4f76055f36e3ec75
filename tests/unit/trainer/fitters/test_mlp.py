"""The network: borders that are not straight, the same bits for a seed, an end in time."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.heads.base import log_softmax
from services.trainer.fitters import mlp
from services.trainer.fitters.base import Doubles, FitError, Indices
from services.trainer.fitters.logistic import fit_path
from services.trainer.fitters.mlp import MAX_EPOCHS, SEEDS, UNITS, fit_mlp


def _corners(n: int, seed: int = 0) -> tuple[Doubles, Indices]:
    """Exclusive or: the class is whether the signs of two coordinates differ."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    return z, (z[:, 0] * z[:, 1] > 0).astype(np.int64)


def _noise(n: int, seed: int) -> tuple[Doubles, Indices]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 20)), rng.integers(0, 2, n)


def test_it_learns_borders_that_no_straight_line_can() -> None:
    z, y = _corners(400)
    unseen, truth = _corners(400, seed=1)
    straight = fit_path(z, y, 2, [1.0])[0].logits(unseen).argmax(axis=1)
    bent = fit_mlp(z, y, 2, seed=0).logits(unseen).argmax(axis=1)
    assert (straight == truth).mean() < 0.65
    assert (bent == truth).mean() > 0.9


def test_where_the_rows_lie_and_how_long_they_are_does_not_matter() -> None:
    z, y = _corners(120)
    here, there = fit_mlp(z, y, 2, seed=0), fit_mlp(1e3 * z + 7e3, y, 2, seed=0)
    np.testing.assert_allclose(there.logits(1e3 * z + 7e3), here.logits(z), atol=1e-6)


def test_a_seed_gives_the_same_bits_and_another_seed_others() -> None:
    z, y = _corners(120)
    first, again, other = (fit_mlp(z, y, 2, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.logits(z), again.logits(z))
    assert not np.array_equal(first.logits(z), other.logits(z))


def test_networks_of_several_seeds_stand_side_by_side() -> None:
    z, y = _corners(120)
    fit = fit_mlp(z, y, 2, seed=0)
    assert fit.hidden.shape == (2, SEEDS * UNITS)
    assert fit.output.shape == (SEEDS * UNITS, 2)
    columns = [slice(i * UNITS, (i + 1) * UNITS) for i in range(SEEDS)]
    assert len({fit.hidden[:, one].tobytes() for one in columns}) == SEEDS


def test_noise_ends_early_and_is_not_learnt_by_heart() -> None:
    epochs = 0

    def count() -> None:
        nonlocal epochs
        epochs += 1

    z, y = _noise(400, 0)
    fit = fit_mlp(z, y, 2, seed=0, check=count)
    assert SEEDS < epochs < SEEDS * MAX_EPOCHS / 2
    unseen, truth = _noise(2000, 1)
    loss = -log_softmax(fit.logits(unseen))[np.arange(2000), truth].mean()
    assert loss < np.log(2) + 0.1


def test_the_shares_of_the_classes_count_half() -> None:
    """Noise, nine of one class to one of the other: three to one is answered."""
    z = np.random.default_rng(0).normal(size=(1000, 3))
    fit = fit_mlp(z, (np.arange(1000) % 10 == 0).astype(np.int64), 2, seed=0)
    odds = fit.logits(z) @ [1, -1]
    assert float(np.median(odds)) == pytest.approx(np.log(3), abs=0.3)


def test_a_check_that_raises_ends_it_within_an_epoch() -> None:
    calls = iter([None, None, None])
    with pytest.raises(StopIteration):
        fit_mlp(*_corners(120), 2, seed=0, check=lambda: next(calls))


def test_equal_examples_give_the_same_answer_to_all() -> None:
    y = np.arange(60) % 2
    logits = fit_mlp(np.ones((60, 4)), y, 2, seed=0).logits(np.ones((2, 4)))
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits[:, 0], logits[:, 1], atol=0.3)


def test_what_is_not_finite_is_a_fit_error() -> None:
    z, y = _corners(120)
    z[3, 0] = np.nan
    with pytest.raises(FitError, match="did not converge"):
        fit_mlp(z, y, 2, seed=0)


def test_gradients_are_those_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp, "DROPOUT", 0.0)
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(9, 4)), np.arange(9) % 3
    weights = [rng.normal(size=shape) for shape in ((4, 6), (6,), (6, 3), (3,))]
    found = mlp._gradients(weights, z, y, rng)
    for weight, gradient in zip(weights, found, strict=True):
        for at in np.ndindex(weight.shape):
            here, step = weight[at], 1e-6
            weight[at] = here + step
            above = mlp._loss(weights, z, y)
            weight[at] = here - step
            below = mlp._loss(weights, z, y)
            weight[at] = here
            assert gradient[at] == pytest.approx((above - below) / (2 * step), abs=1e-6)


def test_the_weights_of_the_lowest_held_back_loss_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever trains on after it ends with the same."""
    z, y = _noise(200, 0)
    losses: list[float] = []
    real = mlp._loss

    def watched(weights: list[Doubles], z: Doubles, y: Indices) -> float:
        losses.append(real(weights, z, y))
        return losses[-1]

    monkeypatch.setattr(mlp, "_loss", watched)
    monkeypatch.setattr(mlp, "SEEDS", 1)
    monkeypatch.setattr(mlp, "PATIENCE", 1000)
    fit_mlp(z, y, 2, seed=0)
    lowest = int(np.argmin(losses))
    assert lowest < len(losses) - 1
    ends = []
    for epochs in (lowest + 1, len(losses)):
        monkeypatch.setattr(mlp, "MAX_EPOCHS", epochs)
        ends.append(fit_mlp(z, y, 2, seed=0).logits(z))
    np.testing.assert_array_equal(ends[0], ends[1])
