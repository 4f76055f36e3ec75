"""Temperature and threshold from held-out scores."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.heads.base import Floats, log_softmax
from services.trainer.search.calibrate import (
    MAX_STRETCH,
    deliver_temperature,
    fit_temperature,
    item_losses,
    temper,
)


def _honest(n: int, sharpness: float) -> tuple[Floats, np.ndarray]:
    """Logits whose softmax is the truth, and labels drawn from it."""
    rng = np.random.default_rng(0)
    log_proba = log_softmax((rng.normal(size=(n, 4)) * sharpness).astype(np.float32))
    u = rng.random((n, 1))
    return log_proba[None], (np.exp(log_proba).cumsum(axis=1) < u).sum(axis=1).clip(max=3)


@pytest.mark.parametrize("distortion", [0.3, 1.0, 3.0])
def test_a_distorted_confidence_is_found_and_undone(distortion: float) -> None:
    honest, y = _honest(5000, 1.5)
    distorted = temper(honest, distortion)
    assert fit_temperature(distorted, y) == pytest.approx(1 / distortion, rel=0.1)


def test_the_fitted_temperature_has_the_lowest_loss() -> None:
    log_proba, y = _honest(300, 1.0)
    best = fit_temperature(log_proba, y)
    loss = {t: item_losses(temper(log_proba, t), y).mean() for t in (best / 1.3, best, best * 1.3)}
    assert min(loss, key=lambda t: float(loss[t])) == best


def test_a_dozen_right_answers_do_not_make_a_head_certain() -> None:
    log_proba = log_softmax(np.array([[2.0, 0.0]] * 12, np.float32))[None]
    tempered = temper(log_proba, fit_temperature(log_proba, np.zeros(12, np.int64)))
    assert 0.9 < np.exp(tempered[0, 0, 0]) < 0.99


def test_honest_answers_are_delivered_as_they_are() -> None:
    log_proba, y = _honest(5000, 1.5)
    assert deliver_temperature(log_proba, y) == pytest.approx(1.0, rel=0.05)


def test_a_few_confident_errors_do_not_hold_all_scores_down() -> None:
    """9 of 10 answers are right, and all say so but for a few errors that are quite sure."""
    log_proba = np.log(np.array([[0.9, 0.1]] * 95 + [[0.9999, 0.0001]] * 5, np.float32))[None]
    y = np.array([0] * 90 + [1] * 10)
    lowest, delivered = fit_temperature(log_proba, y), deliver_temperature(log_proba, y)

    def off(temperature: float) -> float:
        return abs(float(np.exp(temper(log_proba, temperature).max(axis=2)).mean()) - 0.9)

    assert delivered < lowest
    assert off(delivered) < off(lowest)


@pytest.mark.parametrize("truth", [0, 1])
def test_the_delivered_temperature_stays_near_the_lowest_loss(truth: int) -> None:
    for certain in (0.5, 0.999999):
        log_proba = np.log(np.array([[certain, 1 - certain]] * 4, np.float32))[None]
        y = np.full(4, truth)
        ratio = deliver_temperature(log_proba, y) / fit_temperature(log_proba, y)
        assert ratio * 1.001 >= MAX_STRETCH**-0.5
        assert ratio <= MAX_STRETCH**0.5 * 1.001


def test_losses_are_read_off_at_the_truth() -> None:
    log_proba = np.log(np.array([[[0.5, 0.5], [0.1, 0.9]]], np.float32))
    np.testing.assert_allclose(
        item_losses(log_proba, np.array([0, 1])), -np.log([[0.5, 0.9]]), rtol=1e-6
    )
