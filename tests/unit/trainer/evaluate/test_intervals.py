"""Intervals against published values, and the law that they cover."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.evaluate.intervals import (
    cross_validated_accuracy,
    effective_trials,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson_gives_the_published_bounds(
    successes: int, trials: int, low: float, high: float
) -> None:
    """81 of 263 is the example of Newcombe (1998), the others are tabled."""
    found = wilson(successes, trials)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.estimate == successes / trials


def test_no_trials_give_no_interval() -> None:
    assert wilson(0, 0) is None


def test_a_smaller_train_share_expects_more_of_the_full_model() -> None:
    right = np.arange(100)[None] < 70
    whole, part = (cross_validated_accuracy(right, share) for share in (1.0, 0.8))
    assert whole.estimate == pytest.approx(0.7)
    assert part.estimate == pytest.approx(1 - 0.3 * 0.8**0.25)
    assert part.low > whole.low


def test_repeats_that_disagree_widen_the_interval() -> None:
    steady = np.stack([np.arange(100) < 70] * 4)
    shaky = np.stack([np.arange(100) < n for n in (60, 65, 75, 80)])
    widths = [
        found.high - found.low
        for found in (cross_validated_accuracy(r, 0.8) for r in (steady, shaky))
    ]
    assert widths[1] > 1.1 * widths[0]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_or_none_right_still_has_a_range(share: float) -> None:
    found = cross_validated_accuracy(np.full((3, 20), bool(share)), 0.8)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.high - found.low > 0.1


@pytest.mark.parametrize("truth", [0.6, 0.8, 0.95])
def test_it_covers_independent_trials(truth: float) -> None:
    rng = np.random.default_rng(0)
    found = [cross_validated_accuracy(rng.random((1, 100)) < truth, 1.0) for _ in range(500)]
    assert np.mean([f.low <= truth <= f.high for f in found]) >= 0.94


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_groups_of_one_each_change_nothing(share: float) -> None:
    right = np.random.default_rng(0).random((3, 80)) < share
    for optimism in (0.0, 0.05):
        plain = cross_validated_accuracy(right, 0.8, optimism=optimism)
        assert cross_validated_accuracy(right, 0.8, np.arange(80), optimism=optimism) == plain


def test_bursts_count_as_trials_as_few_as_they_are() -> None:
    """400 pictures that are 20 bursts of 20, 18 of them right: 20 trials have 69.9 to 97.2% by
    Wilson's interval, and more where they train as well."""
    bursts = np.repeat(np.arange(20), 20)
    assert effective_trials(bursts) == 20
    assert effective_trials(np.zeros(0, np.int64)) == 0
    right = (bursts < 18)[None]
    assert wilson(360, 400, 20) == wilson(18, 20)
    alone, together = (cross_validated_accuracy(right, 1.0, g) for g in (None, bursts))
    assert (alone.low, alone.high) == pytest.approx((0.859, 0.930), abs=0.001)
    assert (together.low, together.high) == pytest.approx((0.649, 0.978), abs=0.001)


@pytest.mark.parametrize("right", [np.ones((2, 60), np.bool_), np.arange(120).reshape(2, 60) % 2])
def test_groups_never_narrow(right: np.ndarray) -> None:
    """All right, and half of each group right: neither shows that groups stand together."""
    groups = np.repeat(np.arange(15), 4)
    alone, together = (cross_validated_accuracy(right == 1, 0.8, g) for g in (None, groups))
    assert together.high - together.low > 1.3 * (alone.high - alone.low)


@pytest.mark.parametrize("truth", [0.7, 0.9])
@pytest.mark.parametrize("sizes", [[10] * 40, [1] * 60 + [20] * 15], ids=["bursts", "some bursts"])
def test_it_covers_groups_that_are_right_or_wrong_together(truth: float, sizes: list[int]) -> None:
    """Of a group nine in ten answers are that of the group, the others independent trials."""
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(len(sizes)), sizes)
    held = {"together": 0, "alone": 0}
    for _ in range(400):
        of_group = (rng.random(len(sizes)) < truth)[groups]
        own = rng.random(len(groups)) < truth
        right = np.where(rng.random(len(groups)) < 0.9, of_group, own)[None]
        for how, given in (("together", groups), ("alone", None)):
            found = cross_validated_accuracy(right, 1.0, given)
            held[how] += found.low <= truth <= found.high
    assert held["together"] >= 0.94 * 400
    assert held["alone"] < 0.8 * 400


def test_of_several_labels_it_is_their_errors_that_fall_and_not_that_of_the_whole() -> None:
    """Ten labels, each wrong in 8% of items and, with more examples, in s^0.25 of that."""
    falls = 0.8**0.25
    right = np.arange(1000)[None] < 1000 * round((1 - 0.08) ** 10, 3)
    found = cross_validated_accuracy(right, 0.8, of_several=True).estimate
    assert found == pytest.approx((1 - 0.08 * falls) ** 10, abs=0.01)
    none = cross_validated_accuracy(np.zeros((1, 50), np.bool_), 0.8, of_several=True)
    assert none.estimate == 0
    assert none.high > 0
