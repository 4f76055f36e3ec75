"""The exact leave-one-out answers against fits that really left one out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from services.trainer.evaluate import opinion
from services.trainer.evaluate.opinion import left_out_scores, worth_it


def _clusters(n: int, d: int, noise: float = 0.4) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    return (np.eye(3, d)[y] + rng.normal(0, noise, (n, d))).astype(np.float32), y


@pytest.mark.parametrize(("n", "d"), [(30, 5), (20, 60)])
def test_each_answer_is_that_of_a_fit_without_the_example(
    monkeypatch: pytest.MonkeyPatch, n: int, d: int
) -> None:
    x, y = _clusters(n, d)
    monkeypatch.setattr(opinion, "STRENGTHS", (0.7,))
    trust = np.linspace(0.2, 1, n)
    asked = np.array([0, 3, 7])
    found = left_out_scores(x, y, 4, trust, asked)
    z = opinion._coordinates(x)
    target = np.eye(4)[y]
    weight = trust * n / 3 / np.bincount(y)[y]
    for at, i in enumerate(asked):
        rest = np.arange(n) != i
        model = Ridge(alpha=0.7, fit_intercept=False, solver="cholesky")
        model.fit(z[rest], target[rest], sample_weight=weight[rest])
        np.testing.assert_allclose(found[at], model.predict(z[i : i + 1])[0], atol=1e-6)


def test_a_label_without_trust_does_not_teach() -> None:
    x, y = _clusters(60, 8)
    noisy = y.copy()
    noisy[:12] = (y[:12] + 1) % 3
    trust = np.where(np.arange(60) < 12, 0.0, 1.0)
    kept = left_out_scores(x, noisy, 3, np.ones(60), np.arange(60))
    cleaned = left_out_scores(x, noisy, 3, trust, np.arange(60))
    assert (cleaned.argmax(axis=1) == y).mean() >= (kept.argmax(axis=1) == y).mean()
    assert (cleaned.argmax(axis=1) == y).mean() > 0.85


def test_many_features_are_projected_and_answer_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = _clusters(300, 200, noise=0.15)
    exact = left_out_scores(x, y, 3, np.ones(300), np.arange(300))
    monkeypatch.setattr(opinion, "MAX_COORDINATES", 128)
    projected = left_out_scores(x, y, 3, np.ones(300), np.arange(300))
    assert opinion._coordinates(x).shape == (300, 129)
    assert (exact.argmax(axis=1) == projected.argmax(axis=1)).mean() > 0.95


def test_one_example_a_class_and_equal_embeddings_answer_finite_numbers() -> None:
    for x in (np.eye(5, dtype=np.float32), np.zeros((5, 3), np.float32)):
        found = left_out_scores(x, np.arange(5), 5, np.ones(5), np.arange(5))
        assert np.isfinite(found).all()


def test_it_is_asked_within_bounds_only() -> None:
    assert worth_it(20_000, 20_000, 1000)
    assert not worth_it(20_001, 10, 2)
    assert not worth_it(20_000, 20_000, 1001)
    assert not worth_it(2, 2, 2)
