"""What holds for every plan of the splitter, whatever the classes and groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.errors import InvalidArgument
from services.trainer.data.split import SplitPlan, stratified_folds

_LABELLED = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), min_size=2, max_size=60).map(
    lambda pairs: (np.array([y for y, _ in pairs]), np.array([g for _, g in pairs]))
)
_FOLDS = st.integers(2, 7)
_REPEATS = st.integers(1, 3)
_SEEDS = st.integers(0, 2**31)
_quick = settings(max_examples=60, deadline=None)


def _tests_of(plan: SplitPlan, repeat: int) -> list[int]:
    return [int(i) for fold in plan.folds if fold.repeat == repeat for i in fold.test]


@_quick
@given(_LABELLED, _FOLDS, _REPEATS, _SEEDS)
def test_every_item_is_tested_once_a_repeat_or_named_as_never(
    data: tuple[np.ndarray, np.ndarray], folds: int, repeats: int, seed: int
) -> None:
    y, groups = data
    plan = stratified_folds(y, groups, folds=folds, repeats=repeats, seed=seed)
    expected = sorted(set(range(len(y))) - set(plan.never_tested.tolist()))
    for repeat in range(plan.repeats):
        assert sorted(_tests_of(plan, repeat)) == expected
    assert plan.repeats == (repeats if expected else 0)


@_quick
@given(_LABELLED, _FOLDS, _SEEDS)
def test_train_and_test_share_neither_an_item_nor_a_group(
    data: tuple[np.ndarray, np.ndarray], folds: int, seed: int
) -> None:
    y, groups = data
    for fold in stratified_folds(y, groups, folds=folds, seed=seed).folds:
        assert len(fold.train) + len(fold.test) == len(y)
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert len(fold.test) > 0
        assert (np.diff(fold.train) > 0).all()
        assert (np.diff(fold.test) > 0).all()


@_quick
@given(_LABELLED, _FOLDS, _SEEDS)
def test_a_class_of_single_items_is_spread_evenly_and_always_trained_on(
    data: tuple[np.ndarray, np.ndarray], folds: int, seed: int
) -> None:
    y = data[0]
    plan = stratified_folds(y, folds=folds, seed=seed)
    for c in np.unique(y):
        in_tests = [int((y[fold.test] == c).sum()) for fold in plan.folds]
        if (y == c).sum() == 1:
            assert c not in y[np.concatenate([[], *(f.test for f in plan.folds)]).astype(int)]
        elif len(plan.folds) == folds:
            assert max(in_tests) - min(in_tests) <= 1
        for fold in plan.folds:
            assert c in y[fold.train]


@_quick
@given(_LABELLED, _FOLDS, _SEEDS)
def test_folds_of_single_items_differ_by_at_most_one(
    data: tuple[np.ndarray, np.ndarray], folds: int, seed: int
) -> None:
    sizes = [len(fold.test) for fold in stratified_folds(data[0], folds=folds, seed=seed).folds]
    assert not sizes or max(sizes) - min(sizes) <= 1


@_quick
@given(_LABELLED, _FOLDS, _SEEDS)
def test_the_same_arguments_give_the_same_plan(
    data: tuple[np.ndarray, np.ndarray], folds: int, seed: int
) -> None:
    first, second = (
        stratified_folds(*data, folds=folds, repeats=2, seed=seed).folds for _ in range(2)
    )
    assert [f.test.tolist() for f in first] == [f.test.tolist() for f in second]


def test_another_seed_and_another_repeat_divide_differently() -> None:
    y = np.arange(100) % 4
    plan = stratified_folds(y, repeats=2, seed=0)
    other = stratified_folds(y, repeats=2, seed=1)
    first, again = plan.folds[0], plan.folds[5]
    assert (first.repeat, again.repeat) == (0, 1)
    assert len({tuple(f.test.tolist()) for f in (first, again, other.folds[0])}) == 3


def test_a_group_with_two_classes_stays_together() -> None:
    y, groups = np.array([0, 0, 1, 0, 1, 1, 0, 1]), np.array([0, 0, 0, 1, 2, 3, 4, 5])
    for fold in stratified_folds(y, groups, folds=3).folds:
        assert len({0, 1, 2} & set(fold.test.tolist())) in (0, 3)


def test_one_example_a_class_gives_no_folds_and_says_so() -> None:
    plan = stratified_folds(np.arange(10_000))
    assert plan.folds == ()
    assert len(plan.never_tested) == 10_000
    assert plan.train_share == 1.0


def test_the_train_share_is_that_of_the_folds() -> None:
    assert stratified_folds(np.arange(100) % 4, folds=5).train_share == pytest.approx(0.8)


@pytest.mark.parametrize(("folds", "repeats"), [(1, 1), (2, 0)])
def test_too_few_folds_or_repeats_are_refused(folds: int, repeats: int) -> None:
    with pytest.raises(InvalidArgument, match=f"got {folds}, {repeats}"):
        stratified_folds(np.array([0, 0, 1, 1]), folds=folds, repeats=repeats)


_SEVERAL = st.integers(1, 5).flatmap(
    lambda classes: st.lists(
        st.tuples(st.lists(st.booleans(), min_size=classes, max_size=classes), st.integers(0, 15)),
        min_size=1,
        max_size=50,
    ).map(lambda pairs: (np.array([b for b, _ in pairs]), np.array([g for _, g in pairs])))
)


@_quick
@given(_SEVERAL, _FOLDS, _REPEATS, _SEEDS)
def test_of_several_labels_too_every_item_is_tested_once_or_never_and_groups_stay_together(
    data: tuple[np.ndarray, np.ndarray], folds: int, repeats: int, seed: int
) -> None:
    borne, groups = data
    plan = stratified_folds(borne, groups, folds=folds, repeats=repeats, seed=seed)
    again = stratified_folds(borne, groups, folds=folds, repeats=repeats, seed=seed)
    expected = sorted(set(range(len(borne))) - set(plan.never_tested.tolist()))
    assert plan.repeats == (repeats if expected else 0)
    for repeat in range(plan.repeats):
        assert sorted(_tests_of(plan, repeat)) == expected
    for fold, same in zip(plan.folds, again.folds, strict=True):
        assert len(fold.train) + len(fold.test) == len(borne)
        assert len(fold.train) > 0
        assert not set(groups[fold.train]) & set(groups[fold.test])
        np.testing.assert_array_equal(fold.test, same.test)


@_quick
@given(_SEVERAL, _FOLDS, _SEEDS)
def test_the_only_group_with_a_label_is_never_held_out(
    data: tuple[np.ndarray, np.ndarray], folds: int, seed: int
) -> None:
    borne, groups = data
    plan = stratified_folds(borne, groups, folds=folds, seed=seed)
    alone = [c for c in range(borne.shape[1]) if len(set(groups[borne[:, c]])) == 1]
    for fold in plan.folds:
        assert not borne[fold.test][:, alone].any()


@_quick
@given(st.lists(st.floats(0.05, 0.9), min_size=1, max_size=6), _FOLDS, _SEEDS)
def test_each_of_several_labels_is_spread_evenly_and_learned_in_every_fold(
    shares: list[float], folds: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    borne = rng.random((120, len(shares))) < np.array(shares)
    plan = stratified_folds(borne, folds=folds, seed=seed)
    count = borne.sum(axis=0)
    for fold in plan.folds:
        assert abs(len(fold.test) - (120 - len(plan.never_tested)) / folds) <= 6
        assert (np.abs(borne[fold.test].sum(axis=0) - count / folds) <= 6).all()
        assert borne[fold.train].sum(axis=0)[count > 1].all()
