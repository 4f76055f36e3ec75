"""Forecasts on answers made up by a known law, and at the ends of what can come."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from services.trainer.evaluate.forecast import (
    MAX_CLASSES,
    RATIOS,
    WORTH,
    Forecast,
    Verdict,
    forecast,
    series_of,
)
from services.trainer.evaluate.learning_curve import Indices, Measured

SHARES = np.array([0.2, 0.3, 0.4, 0.6, 0.9])


def _measured(
    right: np.ndarray, y: Indices, groups: Indices | None = None, fits: int = 10
) -> Measured:
    counts = np.bincount(y)
    trained = np.maximum(1, SHARES[: len(right), None] * counts)
    own = np.arange(len(y)) if groups is None else groups
    return Measured(right, trained, np.full(len(right), fits), y, own, counts)


def _by_law(level: float, slope: float, y: Indices, seed: int) -> Measured:
    """Each example is answered right where its difficulty, normal, is below the probit."""
    hard = np.random.default_rng(seed).standard_normal(len(y))
    return _measured((hard < level + slope * np.log2(SHARES)[:, None]).astype(float), y)


def _constant(share: float, y: Indices) -> Measured:
    return _measured(np.full((5, len(y)), share), y)


def _check(found: Forecast) -> None:
    middle = [point.accuracy.estimate for point in found.expected]
    assert middle == sorted(middle)
    for point in (*found.measured, *found.expected):
        assert 0 <= point.accuracy.low <= point.accuracy.estimate <= point.accuracy.high <= 1
    for outlook in found.classes:
        assert 0 < outlook.recall_now <= outlook.recall_then < 1
        assert 0 <= outlook.more_low <= outlook.more_high <= 3 * outlook.count
        assert (outlook.more_high == 0) == (outlook.verdict is Verdict.USELESS)


@pytest.mark.parametrize(("level", "slope"), [(0.2, 0.15), (0.8, 0.2), (1.4, 0.1)])
def test_the_ranges_hold_the_truth_of_a_known_law(level: float, slope: float) -> None:
    y = np.repeat(np.arange(10), 10)
    held, off = [], []
    for seed in range(150):
        found = forecast(_by_law(level, slope, y, seed)).expected[RATIOS.index(2.0)].accuracy
        truth = ndtr(level + slope)
        held.append(found.low <= truth <= found.high)
        off.append(found.estimate - truth)
    assert np.mean(held) >= 0.75
    assert abs(np.mean(off)) < 0.025


def test_a_steeper_curve_promises_more() -> None:
    y = np.repeat(np.arange(10), 40)
    flat, steep = (forecast(_by_law(0.5, slope, y, 1)) for slope in (0.05, 0.3))
    assert steep.gain_double.estimate > 2 * flat.gain_double.estimate
    assert steep.verdict is Verdict.HELPS


def test_more_measured_examples_narrow_the_range() -> None:
    few, many = (forecast(_by_law(0.5, 0.2, np.repeat(np.arange(10), n), 1)) for n in (5, 100))
    widths = [
        found.expected[0].accuracy.high - found.expected[0].accuracy.low for found in (few, many)
    ]
    assert widths[1] < widths[0] / 2


def test_a_plateau_is_seen_where_examples_are_many() -> None:
    found = forecast(_by_law(0.5, 0.0, np.repeat(np.arange(10), 400), 1))
    assert found.verdict is Verdict.USELESS
    assert found.gain_most.high < WORTH
    _check(found)


def test_from_few_examples_a_plateau_is_not_claimed() -> None:
    found = forecast(_by_law(0.5, 0.0, np.repeat(np.arange(4), 5), 1))
    assert found.verdict is not Verdict.USELESS


def test_all_right_everywhere_leaves_nothing_to_gain() -> None:
    found = forecast(_constant(1.0, np.repeat(np.arange(4), 100)))
    _check(found)
    assert found.verdict is Verdict.USELESS
    assert found.expected[0].accuracy.estimate > 0.98
    assert all(each.verdict is Verdict.USELESS for each in found.classes)


def test_all_wrong_and_guessing_are_answered() -> None:
    y = np.repeat(np.arange(4), 6)
    for share in (0.0, 0.25):
        found = forecast(_constant(share, y))
        _check(found)
        assert found.expected[0].accuracy.estimate < share + 0.2


def test_two_images_a_class_leave_the_prior_and_a_wide_range() -> None:
    y = np.repeat(np.arange(3), 2)
    found = forecast(_measured(np.ones((1, 6)) * [1, 0, 1, 1, 0, 1], y, fits=2))
    _check(found)
    assert len(found.measured) == 1
    assert found.expected[-1].accuracy.high - found.expected[-1].accuracy.low > 0.3


def test_a_class_that_was_never_tested_has_no_outlook() -> None:
    y = np.concatenate([[0], np.repeat([1, 2], 8)])
    right = np.ones((5, 17))
    right[:, 0] = np.nan
    found = forecast(_measured(right, y))
    assert sorted(each.index for each in found.classes) == [1, 2]
    _check(found)


def test_sizes_at_which_a_class_was_not_tested_do_not_count() -> None:
    y = np.repeat(np.arange(2), 10)
    right = _by_law(0.5, 0.2, y, 2).right
    right[4, 10:] = np.nan
    spread = series_of(_measured(right, y), y, 2).covariance
    assert spread[1, 4, 4] > 1e5 > spread[0, 4, 4]
    _check(forecast(_measured(right, y)))


def test_a_weak_class_has_more_to_gain_than_a_perfect_one() -> None:
    y = np.repeat(np.arange(2), 60)
    right = np.ones((5, 120))
    right[:, :60] = _by_law(0.3, 0.25, np.zeros(60, np.int64), 3).right
    found = forecast(_measured(right, y)).classes
    assert [each.index for each in found] == [0, 1]
    assert found[0].recall_now < 0.75 < 0.9 < found[1].recall_now
    assert found[0].verdict is Verdict.HELPS
    assert 0 < found[0].more_low < 60 < found[0].more_high


def test_very_unequal_classes_are_counted_in_their_own_examples() -> None:
    y = np.concatenate([np.repeat(0, 5), np.repeat(1, 2000)])
    found = forecast(_by_law(0.4, 0.2, y, 4))
    _check(found)
    by_class = {each.index: each for each in found.classes}
    assert by_class[0].count == 5
    assert by_class[0].more_high <= 15
    assert by_class[1].more_low > 100


def test_copies_of_one_picture_are_one_witness() -> None:
    y = np.repeat(np.arange(4), 20)
    right = _by_law(0.5, 0.2, np.repeat(np.arange(4), 5), 5).right.repeat(4, axis=1)
    copies = np.arange(20).repeat(4)
    alone, grouped = (
        series_of(_measured(right, y, groups), np.zeros(80, np.int64), 1).covariance[0, -1, -1]
        for groups in (None, copies)
    )
    assert grouped > 2 * alone


def test_the_level_may_come_from_elsewhere() -> None:
    y = np.repeat(np.arange(4), 20)
    found = _by_law(0.5, 0.2, y, 6)
    moved = forecast(found, accuracy_now=0.9)
    assert moved.expected[0].accuracy.estimate == pytest.approx(0.9, abs=0.01)
    assert moved.gain_double.estimate < forecast(found).gain_double.estimate
    for share in (0.0, 1.0):
        _check(forecast(found, accuracy_now=share))


def test_five_thousand_classes_are_bounded() -> None:
    y = np.repeat(np.arange(5000), 2)
    right = (np.random.default_rng(0).random((1, 10_000)) < 0.6).astype(float)
    found = forecast(_measured(right, y, fits=2))
    assert len(found.classes) == MAX_CLASSES
    gains = [each.recall_then - each.recall_now for each in found.classes]
    assert gains == sorted(gains, reverse=True)


def test_the_same_measurements_give_the_same_forecast() -> None:
    y = np.repeat(np.arange(4), 12)
    assert forecast(_by_law(0.5, 0.2, y, 7)) == forecast(_by_law(0.5, 0.2, y, 7))
