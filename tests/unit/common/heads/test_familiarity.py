"""Familiarity against its formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graft.errors import DataLoss
from services.common.heads.base import Floats, softmax
from services.common.heads.familiarity import (
    BELOW,
    CENTRE,
    DIRECTIONS,
    MIX,
    NEVER,
    WEIGHT,
    Familiarity,
)
from services.common.heads.link import SOFTMAX

DIM, RANK = 40, 6


def _random(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _directions() -> Floats:
    return np.asarray(np.linalg.qr(_random(DIM, RANK))[0])


def _familiarity() -> Familiarity:
    found = Familiarity.of(_random(DIM, seed=1), _directions())
    weighted = found.weighted(odds_weight=0.5, distance_weight=0.25, most_odds=1.0)
    return weighted.flagging(-17.0)


def test_the_distance_is_what_the_main_directions_leave() -> None:
    familiarity = Familiarity.of(np.array([1.0, 0, 0]), np.array([[1.0], [0], [0]]))
    x = np.array([[5, 3, 4], [1, 0, 0], [-7, 0, 2]], np.float32)
    np.testing.assert_allclose(familiarity.distance(x), [25, 0, 4], atol=1e-4)


def test_eight_bits_are_enough_for_a_direction() -> None:
    x = _random(200, DIM, seed=2)
    z, directions = x - _random(DIM, seed=1), _directions()
    exact = (z**2).sum(axis=1) - ((z @ directions) ** 2).sum(axis=1)
    np.testing.assert_allclose(_familiarity().distance(x), exact, rtol=0.01)


@pytest.mark.parametrize(
    ("logits", "odds"),
    [
        (np.log([0.7, 0.2, 0.1]), np.log(7 / 3)),
        (np.log([0.5, 0.5]), 0.0),
        ([1e4, 0, 0], 1e4 - np.log(2)),  # the probability is 1 in any float
        ([0, 60], 60.0),
        ([-1e4, -1e4, -1e4], -np.log(2)),
    ],
)
def test_log_odds_are_exact_however_sure_the_head_is(logits: list[float], odds: float) -> None:
    found = SOFTMAX.odds(np.array([logits], np.float32))
    assert found.dtype == np.float32
    assert found[0] == pytest.approx(odds, rel=1e-5, abs=1e-6)


@given(st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=12))
def test_log_odds_agree_with_the_largest_probability(logits: list[float]) -> None:
    array = np.array([logits], np.float32)
    best = float(softmax(array.astype(np.float64)).max())
    assert SOFTMAX.odds(array)[0] == pytest.approx(np.log(best / (1 - best)), abs=1e-4)


def test_a_score_is_the_bounded_weighted_odds_less_the_weighted_distance() -> None:
    familiarity, x, logits = _familiarity(), _random(30, DIM), _random(30, 3)
    odds = SOFTMAX.odds(logits)
    assert 0 < (odds > 1).sum() < 30
    expected = 0.5 * np.minimum(odds, 1) - 0.25 * familiarity.distance(x)
    score = familiarity.score(x, odds)
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, expected, rtol=1e-6)
    np.testing.assert_array_equal(familiarity.unknown(x, odds), expected < -17)
    assert 0 < familiarity.unknown(x, odds).sum() < 30


def test_no_certainty_of_the_head_makes_up_for_a_distance() -> None:
    familiarity, x = _familiarity(), _random(1, DIM) * np.float32(10)
    sure, surest = (np.array([odds], np.float32) for odds in (3, 1e6))
    np.testing.assert_array_equal(familiarity.score(x, sure), familiarity.score(x, surest))
    assert familiarity.unknown(x, surest).all()


def test_little_that_is_left_of_much_is_not_drowned_by_the_rounding() -> None:
    directions, small = _directions().astype(np.float64), np.float32(0.01)
    x = (_random(200, RANK, seed=2) @ directions.T + small * _random(200, DIM, seed=3)).astype("f4")
    exact = (x**2).sum(axis=1) - ((x @ directions) ** 2).sum(axis=1)
    share = exact.mean() / (x**2).sum(axis=1).mean()
    assert share < 0.001  # what is measured is a thousandth of what is taken away
    rounded = Familiarity.of(np.zeros(DIM), directions).distance(x)
    np.testing.assert_allclose(rounded.mean(), exact.mean(), rtol=0.1)


def test_a_row_alone_is_scored_as_in_a_batch() -> None:
    familiarity, x, odds = _familiarity(), _random(9, DIM), _random(9)
    alone = [familiarity.score(x[i : i + 1], odds[i : i + 1])[0] for i in range(9)]
    np.testing.assert_allclose(alone, familiarity.score(x, odds), rtol=1e-5)
    assert familiarity.score(x[:0], odds[:0]).shape == (0,)


def test_the_input_is_not_modified() -> None:
    x, odds = _random(5, DIM), _random(5)
    before = x.copy(), odds.copy()
    _familiarity().unknown(x, odds)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(odds, before[1])


def test_without_a_threshold_only_what_is_not_finite_is_flagged() -> None:
    familiarity = Familiarity.of(np.zeros(DIM), _directions())
    assert familiarity.below == NEVER
    x = _random(3, DIM) * np.float32(1e6)
    assert not familiarity.unknown(x, _random(3)).any()
    x[1, 0] = np.nan
    np.testing.assert_array_equal(familiarity.unknown(x, _random(3)), [False, True, False])


def test_a_subspace_without_directions_is_a_point() -> None:
    familiarity = Familiarity.of(np.ones(3), np.zeros((3, 0)))
    assert familiarity.distance(np.array([[1, 1, 3]], np.float32))[0] == pytest.approx(4)


def test_arrays_round_trip_bit_for_bit() -> None:
    familiarity, x, odds = _familiarity(), _random(20, DIM), _random(20)
    again = Familiarity.from_arrays({**familiarity.to_arrays(), "other": np.zeros(1)}, DIM)
    assert again is not None
    np.testing.assert_array_equal(again.score(x, odds), familiarity.score(x, odds))
    assert again.below == familiarity.below
    assert again.directions.dtype == np.int8


def test_a_head_stored_without_it_has_none() -> None:
    assert Familiarity.from_arrays({"weight": np.zeros((3, 2), np.float32)}, 3) is None


@pytest.mark.parametrize("name", [CENTRE, DIRECTIONS, MIX, WEIGHT, BELOW])
def test_stored_arrays_that_do_not_fit_are_named(name: str) -> None:
    arrays = _familiarity().to_arrays()
    with pytest.raises(DataLoss, match=name):
        Familiarity.from_arrays({k: v for k, v in arrays.items() if k != name}, DIM)
    with pytest.raises(DataLoss, match=name):
        Familiarity.from_arrays(arrays | {name: arrays[name].astype(np.float64)}, DIM)


def test_a_familiarity_of_other_features_is_refused() -> None:
    arrays = _familiarity().to_arrays()
    with pytest.raises(DataLoss, match=CENTRE):
        Familiarity.from_arrays(arrays, DIM - 1)
    with pytest.raises(DataLoss, match=rf"{DIRECTIONS}.*\[{DIM}, {RANK}\]"):
        Familiarity.from_arrays(arrays | {DIRECTIONS: arrays[DIRECTIONS][1:]}, DIM)
