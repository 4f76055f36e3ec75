"""Samples of a data set; the divisions are held to their laws in tests/properties/test_split.py."""

from __future__ import annotations

import numpy as np

from services.trainer.data.split import stratified_sample


def test_a_sample_takes_a_like_share_of_each_class_and_two_at_least() -> None:
    y = np.repeat(np.arange(3), [1000, 100, 2]).astype(np.int64)
    found = stratified_sample(y, 110, np.random.default_rng(0))
    assert (np.diff(found) > 0).all()
    assert np.bincount(y[found]).tolist() == [100, 10, 2]
    np.testing.assert_array_equal(
        stratified_sample(y, 2000, np.random.default_rng(0)), np.arange(len(y))
    )
