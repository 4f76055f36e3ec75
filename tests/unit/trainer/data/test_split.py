"""Samples of a data set; the divisions are held to their laws in tests/properties/test_split.py."""

from __future__ import annotations

import numpy as np

from services.trainer.data.split import stratified_folds, stratified_sample


def test_a_sample_takes_a_like_share_of_each_class_and_two_at_least() -> None:
    y = np.repeat(np.arange(3), [1000, 100, 2]).astype(np.int64)
    found = stratified_sample(y, 110, np.random.default_rng(0))
    assert (np.diff(found) > 0).all()
    assert np.bincount(y[found]).tolist() == [100, 10, 2]
    np.testing.assert_array_equal(
        stratified_sample(y, 2000, np.random.default_rng(0)), np.arange(len(y))
    )


def test_a_sample_of_several_labels_holds_two_of_each_where_it_has_them() -> None:
    borne = np.zeros((1000, 3), np.bool_)
    borne[:500, 0], borne[400:402, 1], borne[7, 2] = True, True, True
    found = stratified_sample(borne, 100, np.random.default_rng(0))
    assert (np.diff(found) > 0).all()
    assert 100 <= len(found) <= 103
    assert borne[found].sum(axis=0)[1:].tolist() == [2, 1]
    assert 35 <= borne[found, 0].sum() <= 65


def test_too_few_examples_of_several_labels_are_not_divided() -> None:
    """Of two, one would be learned from alone; the only bearer of a label is not held out."""
    assert not stratified_folds(np.array([[True], [False]])).folds
    plan = stratified_folds(np.array([[True], [False], [False]]))
    assert plan.never_tested.tolist() == [0]
    assert [fold.test.tolist() for fold in plan.folds] in ([[1], [2]], [[2], [1]])
