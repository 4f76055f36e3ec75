"""What holds for every plan of subsamples and every forecast, whatever the classes and groups."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.heads.base import Floats
from services.trainer.evaluate.forecast import forecast
from services.trainer.evaluate.learning_curve import Indices, measure_curve, plan_subsamples

_LABELLED = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), min_size=2, max_size=80).map(
    lambda pairs: (
        np.unique([y for y, _ in pairs], return_inverse=True)[1].reshape(-1),
        np.array([g for _, g in pairs]),
    )
)
_SEEDS = st.integers(0, 2**31)
_quick = settings(max_examples=60, deadline=None)


@_quick
@given(_LABELLED, _SEEDS)
def test_sides_are_apart_groups_are_whole_and_every_class_is_trained_on(
    data: tuple[Indices, Indices], seed: int
) -> None:
    y, groups = data
    for each in plan_subsamples(y, groups, seed=seed).subsamples:
        assert len(each.test)
        assert not np.intersect1d(each.train, each.test).size
        assert not np.intersect1d(groups[each.train], groups[each.test]).size
        assert np.array_equal(np.unique(y[each.train]), np.unique(y))


@_quick
@given(_LABELLED, _SEEDS, st.integers(20, 60), st.integers(10, 200))
def test_bounds_are_kept(
    data: tuple[Indices, Indices], seed: int, max_examples: int, max_fitted: int
) -> None:
    y, groups = data
    plan = plan_subsamples(y, groups, seed=seed, max_examples=max_examples, max_fitted=max_fitted)
    if plan.subsamples:
        runs = max(sum(s.size == size for s in plan.subsamples) for size in range(plan.sizes))
        fitted = sum(len(each.train) for each in plan.subsamples)
        assert runs == 1 or fitted <= 2 * max_fitted


@_quick
@given(_LABELLED, _SEEDS, st.floats(0, 1))
def test_every_forecast_is_a_share_within_its_range(
    data: tuple[Indices, Indices], seed: int, share: float
) -> None:
    y, groups = data
    rng = np.random.default_rng(seed)

    def answer(train: Indices, test: Indices) -> Floats:
        score = rng.random((len(test), int(y.max()) + 1)).astype(np.float32)
        score[np.arange(len(test)), y[test]] += 2 * (rng.random(len(test)) < share)
        return score

    measured = measure_curve(answer, y, groups, plan_subsamples(y, groups, seed=seed))
    if measured is None:
        return
    found = forecast(measured)
    for point in (*found.measured, *found.expected):
        low, estimate, high = point.accuracy.low, point.accuracy.estimate, point.accuracy.high
        assert 0 <= low <= estimate <= high <= 1
    for outlook in found.classes:
        assert 0 <= outlook.recall_now <= outlook.recall_then <= 1
        assert 0 <= outlook.more_low <= outlook.more_high
