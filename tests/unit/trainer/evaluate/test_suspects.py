"""Flipped labels come first, with a reason; whatever the data, no number is meaningless."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from services.common.heads.base import Floats, log_softmax
from services.trainer.evaluate.suspects import MAX_SUSPECTS, doubts, suspects
from services.trainer.search.examples import Examples

LABELS = tuple(f"digit {i}" for i in range(10))
Indices = NDArray[np.int64]


def _flipped(seed: int) -> tuple[Examples, NDArray[np.bool_], Indices]:
    """Digits, 20 a class, a tenth of them under another label; which, and what they are."""
    rng = np.random.default_rng(seed)
    x, y = load_digits(return_X_y=True)
    kept = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:20] for c in range(10)])
    truth = y[kept].astype(np.int64)
    wrong = np.zeros(200, bool)
    wrong[rng.choice(200, 20, replace=False)] = True
    noisy = np.where(wrong, (truth + rng.integers(1, 10, 200)) % 10, truth)
    examples = Examples(x[kept].astype(np.float32), noisy, LABELS, np.arange(200))
    return examples, wrong, truth


@pytest.fixture(scope="module")
def digits() -> tuple[Examples, NDArray[np.bool_], Indices, Floats, Indices]:
    examples, wrong, truth = _flipped(0)
    model = LogisticRegression(C=0.01, max_iter=1000)
    proba = cross_val_predict(model, examples.x, examples.y, cv=5, method="predict_proba")
    log_proba = np.log(np.maximum(proba, 1e-30)).astype(np.float32)[None]
    return examples, wrong, truth, log_proba, np.arange(200)


def _average_precision(score: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    hit = wrong[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())


def test_flipped_labels_rank_before_right_ones(
    digits: tuple[Examples, NDArray[np.bool_], Indices, Floats, Indices],
) -> None:
    examples, wrong, _, log_proba, items = digits
    both = doubts(log_proba, items, examples.y, examples.x)
    head = doubts(log_proba, items, examples.y)
    given = -np.exp(log_proba).mean(axis=0)[np.arange(200), examples.y].astype(np.float64)
    assert _average_precision(both.score, wrong) > 0.9
    assert _average_precision(head.score, wrong) > 0.85
    assert _average_precision(both.score, wrong) >= _average_precision(given, wrong)


def test_each_suspect_says_what_it_may_be_and_why(
    digits: tuple[Examples, NDArray[np.bool_], Indices, Floats, Indices],
) -> None:
    examples, _, truth, log_proba, items = digits
    found = suspects(log_proba, items, examples.y, LABELS, examples.x, examples.groups)
    first = found[0]
    assert first.suggested == truth[first.item] != first.label == examples.y[first.item]
    assert LABELS[first.label] in first.reason
    assert f"gives {LABELS[first.suggested]}" in first.reason
    assert "of the 5 examples most like it" in first.reason
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    assert all(0.5 < s.score <= 1 and s.suggested != s.label for s in found)
    assert np.mean([s.suggested == truth[s.item] for s in found[:15]]) > 0.9


def test_without_embeddings_the_answers_alone_speak() -> None:
    log_proba = np.log(np.array([[[0.9, 0.1], [0.8, 0.2], [0.995, 0.005], [0.2, 0.8]]], np.float32))
    found = suspects(log_proba, np.array([4, 5, 6, 7]), np.array([0] * 6 + [1, 1]), ("ant", "bee"))
    assert [(s.item, s.suggested) for s in found] == [(6, 0)]
    assert found[0].reason == (
        "A model that had not seen it gives ant more than 99% and bee, its label, less than 1%."
    )


def test_a_class_that_is_always_doubtful_does_not_fill_the_list() -> None:
    """Each of class 1 gets a little less than class 0; one gets much less and is the suspect."""
    proba = np.array([[0.9, 0.1]] * 10 + [[0.55, 0.45]] * 9 + [[0.9, 0.1]], np.float32)
    y = np.repeat([0, 1], 10)
    found = suspects(np.log(proba)[None], np.arange(20), y, ("ant", "bee"))
    assert [s.item for s in found] == [19]


def test_copies_do_not_speak_for_each_other() -> None:
    rng = np.random.default_rng(0)
    centre = np.eye(2, 8, dtype=np.float32)
    y = np.repeat([0, 1], 10)
    x = centre[y] + rng.normal(0, 0.05, (20, 8)).astype(np.float32)
    y[:3] = 1  # three copies of one picture under the wrong label
    x[1] = x[2] = x[0]
    groups = np.arange(20)
    groups[:3] = 0
    logits = np.where(np.arange(2) == (np.arange(20) >= 10)[:, None], 3, 0).astype(np.float32)
    found = suspects(log_softmax(logits)[None], np.arange(20), y, ("ant", "bee"), x, groups)
    assert {s.item for s in found} == {0, 1, 2}
    assert all("5 are labelled ant and 0 bee" in s.reason for s in found)


def test_a_class_of_one_that_is_never_held_out_is_no_suspect() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5001, 16)).astype(np.float32), np.append(np.zeros(5000, np.int64), 1)
    logits = rng.normal(size=(5000, 2)).astype(np.float32) + np.array([3, 0], np.float32)
    found = suspects(log_softmax(logits)[None], np.arange(5000), y, ("many", "one"), x)
    assert len(found) <= MAX_SUSPECTS
    assert all(np.isfinite(s.score) and s.item != 5000 for s in found)


def test_five_thousand_classes_of_two() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(10_000) % 5000
    x = rng.normal(size=(10_000, 32)).astype(np.float32)
    items = np.arange(0, 10_000, 10)
    log_proba = log_softmax(rng.normal(size=(1000, 5000)).astype(np.float32))[None]
    found = suspects(log_proba, items, y, [str(i) for i in range(5000)], x)
    assert len(found) == MAX_SUSPECTS
    assert {s.item for s in found} <= set(items.tolist())


def test_nothing_held_out_gives_no_suspects() -> None:
    empty = np.zeros((0, 0, 3), np.float32)
    assert suspects(empty, np.zeros(0, np.int64), np.arange(3), ("a", "b", "c")) == ()


@pytest.mark.parametrize("score", [0.5, 1e-30])
def test_answers_and_embeddings_all_equal_give_no_suspects(score: float) -> None:
    log_proba = np.full((2, 6, 2), np.log(score), np.float32)
    x = np.ones((6, 4), np.float32)
    assert suspects(log_proba, np.arange(6), np.arange(6) % 2, ("a", "b"), x) == ()
