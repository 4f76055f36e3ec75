"""Bins by hand, and that they are of a size that tells something."""

from __future__ import annotations

import numpy as np

from services.trainer.evaluate.reliability import MAX_BINS, MIN_IN_BIN, reliability


def _answers(scores: np.ndarray) -> np.ndarray:
    """Log probabilities `[1, m, 2]` that call everything class 0 with these scores."""
    return np.asarray(np.log(np.stack([scores, 1 - scores], axis=1)).astype(np.float32)[None])


def test_two_bins_by_hand() -> None:
    scores = np.repeat([0.6, 0.9], MIN_IN_BIN)
    y = np.zeros(2 * MIN_IN_BIN, np.int64)
    y[:5] = 1  # five of those with 0.6 are wrong
    low, high = reliability(_answers(scores), y)
    assert (low.count, high.count) == (MIN_IN_BIN, MIN_IN_BIN)
    np.testing.assert_allclose([low.low, low.high, low.mean_score], 0.6, rtol=1e-6)
    assert low.share_right == (MIN_IN_BIN - 5) / MIN_IN_BIN
    assert high.share_right == 1


def test_many_answers_fill_bins_of_equal_size() -> None:
    scores = np.random.default_rng(0).uniform(0.5, 0.99, 1000)
    bins = reliability(_answers(scores), np.zeros(1000, np.int64))
    assert [found.count for found in bins] == [100] * MAX_BINS


def test_few_answers_make_one_bin() -> None:
    bins = reliability(_answers(np.array([0.6, 0.7, 0.8])), np.array([0, 0, 1]))
    assert [(found.count, round(found.share_right, 3)) for found in bins] == [(3, 0.667)]


def test_equal_scores_are_not_parted() -> None:
    bins = reliability(_answers(np.full(500, 0.75)), np.zeros(500, np.int64))
    assert [found.count for found in bins] == [500]


def test_repeats_are_all_counted_but_make_no_more_bins() -> None:
    once = _answers(np.linspace(0.5, 0.9, 2 * MIN_IN_BIN))
    y = np.zeros(2 * MIN_IN_BIN, np.int64)
    bins = reliability(np.concatenate([once] * 3), y)
    assert len(bins) == 2
    assert sum(found.count for found in bins) == 6 * MIN_IN_BIN


def test_certain_answers_and_none_at_all() -> None:
    certain = np.array([[[0.0, -200.0], [-200.0, 0.0]]], np.float32)
    (found,) = reliability(certain, np.array([0, 0]))
    assert (found.low, found.high, found.mean_score, found.share_right) == (1, 1, 1, 0.5)
    assert reliability(np.zeros((1, 0, 2), np.float32), np.zeros(0, np.int64)) == ()
    assert reliability(np.zeros((0, 3, 2), np.float32), np.zeros(3, np.int64)) == ()
