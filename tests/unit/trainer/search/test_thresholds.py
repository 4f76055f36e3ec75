"""Thresholds, held to a search by hand with scikit-learn's F1."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from services.common.heads.base import Floats
from services.trainer.search.thresholds import (
    EVEN,
    GRID,
    PRIOR,
    Bools,
    Evidence,
    best_thresholds,
    cross_fitted,
)


def _answers(m: int, shares: list[float], noise: float, seed: int = 0) -> tuple[Floats, Bools]:
    rng = np.random.default_rng(seed)
    borne = rng.random((m, len(shares))) < shares
    logits = np.where(borne, 0.5, -2.0) + noise * rng.normal(size=borne.shape)
    return (1 / (1 + np.exp(-logits))).astype(np.float32), borne


def test_the_evidence_counts_what_each_threshold_would_bring() -> None:
    proba, borne = _answers(40, [0.3, 0.6], 1.5)
    found = Evidence.of(proba, borne)
    for at, threshold in enumerate(GRID):
        called = proba >= threshold
        np.testing.assert_array_equal(found.called[:, at], called.sum(axis=0))
        np.testing.assert_array_equal(found.hits[:, at], (called & borne).sum(axis=0))
    np.testing.assert_array_equal(found.bearers, borne.sum(axis=0))


def test_a_label_of_many_examples_gets_the_threshold_with_the_best_f1() -> None:
    proba, borne = _answers(4000, [0.5, 0.1], 1.5)
    found = best_thresholds(proba[None], borne)
    for label in range(2):
        scores = [f1_score(borne[:, label], proba[:, label] >= t) for t in GRID]
        chosen = f1_score(borne[:, label], proba[:, label] >= found[label])
        assert chosen >= max(scores) - 0.005
    assert found[0] != found[1]


def test_a_label_of_one_example_follows_all_the_others() -> None:
    """By itself it would take any threshold that its single answer passes."""
    proba, borne = _answers(400, [0.4, 0.4, 0.4], 1.0)
    rare = np.zeros((400, 1), np.bool_)
    rare[3] = True
    low = np.where(rare, 0.02, 0.01).astype(np.float32)
    found = best_thresholds(np.hstack([proba, low])[None], np.hstack([borne, rare]))
    pooled = best_thresholds(proba.reshape(1, -1, 1), borne.reshape(-1, 1))[0]
    assert found[3] == pytest.approx(pooled, abs=0.1)


def test_where_hardly_anything_is_borne_the_threshold_is_one_half() -> None:
    proba, borne = _answers(200, [0.02, 0.01], 1.0)
    assert borne.sum() < PRIOR
    assert best_thresholds(proba[None], borne).tolist() == [EVEN, EVEN]


def test_repeats_say_the_same_once_more_and_count_as_one() -> None:
    proba, borne = _answers(60, [0.3, 0.2], 1.0)
    thrice = best_thresholds(np.stack([proba] * 3), borne)
    np.testing.assert_array_equal(thrice, best_thresholds(proba[None], borne))


def test_a_fold_has_no_say_in_its_own_thresholds() -> None:
    proba, borne = _answers(90, [0.3, 0.2], 1.0)
    fold = (np.arange(90) % 3)[None]
    found = cross_fitted(proba[None], borne, fold)
    here = fold[0] == 1
    others = best_thresholds(proba[None, ~here], borne[~here])
    np.testing.assert_array_equal(found[0, here], proba[here] >= others)
    turned = np.where(here[:, None], ~borne, borne)
    again = cross_fitted(proba[None], turned, fold)
    np.testing.assert_array_equal(again[0, here], found[0, here])


def test_answers_that_know_nothing_are_not_flattered() -> None:
    """Chosen on the very answers a threshold looks better than on new ones; crossed it does not."""
    flattered, crossed, truth = [], [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        proba, borne = rng.random((40, 6)).astype(np.float32), rng.random((40, 6)) < 0.3
        thresholds = best_thresholds(proba[None], borne)
        new = rng.random((4000, 6)).astype(np.float32), rng.random((4000, 6)) < 0.3
        fold = (np.arange(40) % 5)[None]
        flattered.append(f1_score(borne, proba >= thresholds, average="macro"))
        crossed.append(f1_score(borne, cross_fitted(proba[None], borne, fold)[0], average="macro"))
        truth.append(f1_score(new[1], new[0] >= thresholds, average="macro"))
    assert np.mean(flattered) > np.mean(truth) + 0.01
    assert np.mean(crossed) < np.mean(truth) + 0.01
