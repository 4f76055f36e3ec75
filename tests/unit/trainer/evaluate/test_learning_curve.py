"""Subsamples: what is trained on, what is tested, and how much there is of it."""

from __future__ import annotations

import numpy as np
import pytest

from services.common.heads.base import Floats
from services.trainer.evaluate import learning_curve
from services.trainer.evaluate.learning_curve import (
    MAX_SCORES,
    Indices,
    measure_curve,
    plan_subsamples,
)


def _alone(y: Indices) -> Indices:
    return np.arange(len(y))


def test_ten_a_class_are_measured_at_five_sizes_each_example_equally_often() -> None:
    y = np.repeat(np.arange(4), 10)
    plan = plan_subsamples(y, _alone(y), seed=3)
    assert (plan.sizes, len(plan.subsamples)) == (5, 50)
    for size, per_class in enumerate((2, 3, 4, 6, 9)):
        fits = [each for each in plan.subsamples if each.size == size]
        for each in fits:
            assert np.bincount(y[each.train]).tolist() == [per_class] * 4
        tested = np.bincount(np.concatenate([each.test for each in fits]), minlength=40)
        assert set(tested.tolist()) == {10 - per_class}


def test_there_are_as_many_folds_as_a_class_has_examples() -> None:
    """Else a class would be smaller than its rivals just while it is tested."""
    y = np.repeat(np.arange(3), 4)
    for each in plan_subsamples(y, _alone(y)).subsamples:
        assert len(set(np.bincount(y[each.train]).tolist())) == 1


def test_two_images_a_class_give_one_size() -> None:
    y = np.repeat(np.arange(5), 2)
    plan = plan_subsamples(y, _alone(y))
    assert plan.sizes == 1
    assert all(np.bincount(y[each.train]).tolist() == [1] * 5 for each in plan.subsamples)


def test_a_single_image_is_always_trained_on_and_none_is_no_plan() -> None:
    y = np.array([0, 1, 1, 1, 1, 2, 2, 2, 2])
    for each in plan_subsamples(y, _alone(y)).subsamples:
        assert 0 in each.train
    singles = np.arange(4)
    plan = plan_subsamples(singles, _alone(singles))
    assert (plan.sizes, plan.subsamples) == (0, ())
    assert measure_curve(_never, singles, _alone(singles), plan) is None


def _never(train: Indices, test: Indices) -> Floats:
    raise AssertionError("nothing can be tested")


def test_the_seed_alone_decides() -> None:
    y = np.repeat(np.arange(3), [9, 14, 30])
    first, again, other = (plan_subsamples(y, _alone(y), seed=seed) for seed in (5, 5, 6))
    assert _same(first.subsamples, again.subsamples)
    assert not _same(first.subsamples, other.subsamples)


def _same(first: tuple[learning_curve.Subsample, ...], other: tuple[object, ...]) -> bool:
    return repr(first) == repr(other)


def test_many_examples_are_fitted_fewer_times() -> None:
    y = np.repeat(np.arange(50), 100)
    plan = plan_subsamples(y, _alone(y))
    assert plan.sizes == 5
    assert sum(len(each.train) for each in plan.subsamples) <= learning_curve.MAX_FITTED
    assert {each.size for each in plan.subsamples} == set(range(5))


def test_of_very_many_a_part_stands_for_all_and_small_classes_stay() -> None:
    y = np.concatenate([np.repeat(np.arange(2), 100_000), [2, 2, 3, 3, 3]])
    plan = plan_subsamples(y, _alone(y))
    used = np.unique(np.concatenate([np.r_[s.train, s.test] for s in plan.subsamples]))
    assert len(used) <= learning_curve.MAX_EXAMPLES + 2 * 4
    assert np.bincount(y[used])[2:].tolist() == [2, 2]
    assert max(len(each.train) for each in plan.subsamples) < learning_curve.MAX_EXAMPLES


def test_five_thousand_classes_answer_within_the_bound_on_scores() -> None:
    y = np.repeat(np.arange(5000), 2)
    plan = plan_subsamples(y, _alone(y))
    assert 1 <= len(plan.subsamples) <= 2
    for each in plan.subsamples:
        assert np.array_equal(np.unique(y[each.train]), np.arange(5000))
        assert len(each.test) * 5000 <= MAX_SCORES


def test_shares_are_counted_where_an_example_was_held_out() -> None:
    y = np.array([0, 0, 1, 1])

    def always_the_first(train: Indices, test: Indices) -> Floats:
        return np.tile(np.array([0.0, -1.0], np.float32), (len(test), 1))

    measured = measure_curve(always_the_first, y, _alone(y), plan_subsamples(y, _alone(y)))
    assert measured is not None
    assert measured.right.tolist() == [[1.0, 1.0, 0.0, 0.0]]
    assert measured.trained.tolist() == [[1.0, 1.0]]
    assert measured.fits.tolist() == [2]
    assert measured.counts.tolist() == [2, 2]


def test_it_can_be_stopped_between_fits() -> None:
    y = np.repeat(np.arange(2), 5)
    asked: list[int] = []

    def stop() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise TimeoutError

    def guess(train: Indices, test: Indices) -> Floats:
        return np.zeros((len(test), 2), np.float32)

    with pytest.raises(TimeoutError):
        measure_curve(guess, y, _alone(y), plan_subsamples(y, _alone(y)), proceed=stop)
    assert len(asked) == 3
