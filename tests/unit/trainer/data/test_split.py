"""Samples of a data set; the divisions are held to their laws in tests/properties/test_split.py."""

from __future__ import annotations

import numpy as np

from services.trainer.data.split import stratified_folds, stratified_groups, stratified_sample


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


def test_a_sample_of_groups_takes_them_whole_and_two_of_each_label_where_it_has_them() -> None:
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(200), 5))
    borne = np.zeros((1000, 3), np.bool_)
    borne[:, 0] = groups % 2
    borne[np.isin(groups, (4, 8)), 1] = True
    borne[groups == 6, 2] = True
    for y in (borne, borne @ np.array([1, 2, 3])):
        found = stratified_groups(y, groups, 100, rng)
        rest = np.setdiff1d(np.arange(1000), found)
        assert not np.intersect1d(groups[found], groups[rest]).size
        assert 100 <= len(found) <= 130
        assert {4, 6, 8} <= set(groups[found])
        np.testing.assert_array_equal(stratified_groups(y, groups, 2000, rng), np.arange(1000))


def test_too_few_examples_of_several_labels_are_not_divided() -> None:
    """Of two, one would be learned from alone; the only bearer of a label is not held out."""
    assert not stratified_folds(np.array([[True], [False]])).folds
    plan = stratified_folds(np.array([[True], [False], [False]]))
    assert plan.never_tested.tolist() == [0]
    assert [fold.test.tolist() for fold in plan.folds] in ([[1], [2]], [[2], [1]])
