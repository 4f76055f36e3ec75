"""The silhouette against scikit-learn's, the entropy by hand, and what the sentence advises."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import silhouette_samples, silhouette_score

from services.common.heads.base import log_softmax
from services.trainer.evaluate import separation as module
from services.trainer.evaluate.separation import mean_entropy, separation, silhouette


def test_the_silhouette_is_that_of_scikit_learn() -> None:
    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    assert silhouette(x, y) == pytest.approx(silhouette_score(x, y, metric="cosine"), abs=1e-3)
    y = np.append(y[:-1], 3)  # the only one of its class
    assert silhouette(x, y) == pytest.approx(
        silhouette_samples(x, y, metric="cosine").mean(), abs=1e-3
    )


def test_a_sample_comes_near_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = load_iris(return_X_y=True)
    whole = silhouette(x.astype(np.float32), y)
    monkeypatch.setattr(module, "MAX_EXAMPLES", 100)
    monkeypatch.setattr(module, "MAX_WORK", 3 * 4 * 60)
    assert silhouette(x.astype(np.float32), y) == pytest.approx(whole, abs=0.05)


def test_entropy_by_hand() -> None:
    certain, even = np.log(np.array([[1.0, 0.0]]) + 1e-30), np.log(np.full((1, 2), 0.5))
    both = np.stack([certain, even]).astype(np.float32)
    assert mean_entropy(both) == pytest.approx(np.log(2) / 2, abs=1e-6)
    zero = np.array([[[0.0, -np.inf]]], np.float32)
    assert mean_entropy(zero) == 0


@pytest.mark.parametrize(
    ("sharpness", "advice"),
    [(8.0, "Nothing needs to be done"), (2.5, "merge those pairs"), (0.2, "often guessing")],
)
def test_the_sentence_says_what_to_do(sharpness: float, advice: str) -> None:
    logits = sharpness * np.eye(4, dtype=np.float32)[np.arange(40) % 4]
    found = separation(log_softmax(logits)[None], 4)
    assert advice in found.sentence
    assert "of the 4 classes on average" in found.sentence
    assert found.silhouette == 0


def test_mingled_classes_of_an_unsure_model_suggest_another_backbone() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 10)).astype(np.float32), np.arange(80) % 4
    found = separation(np.log(np.full((1, 80, 4), 0.25, np.float32)), 4, x, y)
    assert found.score == pytest.approx(0, abs=1e-6)
    assert abs(found.silhouette) < 0.1
    assert "wavers between about 4.0 of the 4 classes" in found.sentence
    assert "another may do better" in found.sentence


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.ones((6, 3), np.float32), np.arange(6) % 2),
        (np.zeros((6, 3), np.float32), np.arange(6) % 2),
        (np.eye(5, dtype=np.float32), np.arange(5)),
        (np.ones((4, 3), np.float32), np.zeros(4, np.int64)),
    ],
)
def test_equal_embeddings_and_single_examples_have_no_silhouette(
    x: np.ndarray, y: np.ndarray
) -> None:
    assert silhouette(x, y) == pytest.approx(0, abs=1e-6)


def test_two_classes_of_1_and_5000_and_five_thousand_classes() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5001, 16)).astype(np.float32)
    lopsided = np.append(np.zeros(5000, np.int64), 1)
    for y in (lopsided, np.arange(5001) % 5000):
        assert -1 <= silhouette(x, y) <= 1
