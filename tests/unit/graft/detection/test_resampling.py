from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.detection import resampling
from graft.detection.average_precision import average_precision
from graft.detection.resampling import independent_share, map50_of_draws, map50_range
from graft.detection.scene import Answer, Scene, Truth
from graft.scores import wilson_interval
from tests.support.scenes import random_scenes

BOX = (0.0, 0.0, 50.0, 50.0)
FOUND = Scene(Truth.of([BOX], [0]), Answer.of([BOX], [0], [0.9]))
MISSED = Scene(Truth.of([BOX], [0]), Answer.of([], [], []))
NOTHING = Scene(Truth.of([], []), Answer.of([], [], []))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pictures=st.integers(1, 6),
    answers=st.sampled_from([0, 10, 130]),
)
def test_a_draw_is_what_the_pictures_repeated_come_to(
    seed: int, pictures: int, answers: int
) -> None:
    rng = np.random.default_rng(seed)
    scenes = random_scenes(rng, pictures, 2, 8, answers, 0.1, 10**12)
    times = rng.integers(0, 4, (5, pictures))
    found = map50_of_draws(scenes, 2, times)
    for figure, drawn in zip(found, times, strict=True):
        repeated = [scene for scene, n in zip(scenes, drawn, strict=True) for _ in range(n)]
        wanted = average_precision(repeated, 2).map(overlap=0.5)
        assert figure == pytest.approx(wanted, abs=1e-12, nan_ok=True)


def test_pictures_that_are_drawn_once_are_what_coco_says_whatever_the_ties() -> None:
    scenes = random_scenes(np.random.default_rng(2), 6, 2, 8, 130, 0.1, 3)
    (found,) = map50_of_draws(scenes, 2, np.ones((1, 6), np.int64))
    assert found == pytest.approx(average_precision(scenes, 2).map(overlap=0.5))


def test_parts_of_the_draws_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    scenes = random_scenes(rng, 6, 2, 8, 20, 0.1, 50)
    times = rng.integers(0, 4, (9, 6))
    whole = map50_of_draws(scenes, 2, times)
    monkeypatch.setattr(resampling, "_AT_ONCE", 60)
    np.testing.assert_array_equal(map50_of_draws(scenes, 2, times), whole)


def test_the_range_of_half_found_is_that_of_a_fair_coin() -> None:
    """Of 40 pictures 20 are found: the share found of 40 draws lies between 14 and 26 in 95 of 100
    cases (binomial), and here it is the average precision, up to the steps of recall. Wilson's
    interval of a half of 40 is 35% to 65%."""
    low, high = map50_range([FOUND] * 20 + [MISSED] * 20, 1) or (0, 0)
    assert low == pytest.approx(14 / 40, abs=0.04)
    assert high == pytest.approx(26 / 40, abs=0.04)


def test_where_all_are_found_it_is_no_promise() -> None:
    assert map50_range([FOUND] * 3, 1) == pytest.approx((wilson_interval(3, 3)[0], 1.0))
    assert map50_range([MISSED] * 3, 1) == pytest.approx((0.0, wilson_interval(0, 3)[1]))


def test_groups_of_pictures_are_drawn_whole() -> None:
    """Ten bursts of four, five of which are found: as wide as where each is one picture."""
    bursts = np.repeat(np.arange(10), 4)
    found = map50_range([FOUND] * 20 + [MISSED] * 20, 1, groups=bursts)
    assert found == map50_range([FOUND] * 5 + [MISSED] * 5, 1)
    low, high = found or (0.5, 0.5)
    assert high - low > 0.5
    plain = map50_range([FOUND] * 20 + [MISSED] * 20, 1)
    assert map50_range([FOUND] * 20 + [MISSED] * 20, 1, groups=np.arange(40)) == plain
    all_found = map50_range([FOUND] * 12, 1, groups=np.repeat(np.arange(3), 4))
    assert all_found == pytest.approx((wilson_interval(3, 3)[0], 1.0))


def test_things_of_one_group_count_together() -> None:
    things = np.array([2, 2, 2, 5])
    assert independent_share(things, np.arange(4)) == 1
    assert independent_share(things, np.array([7, 7, 7, 0])) == 11 / (6 * 3 + 5)
    assert independent_share(np.zeros(2, np.int64), np.arange(2)) == 1


def test_without_two_pictures_of_things_there_is_no_range() -> None:
    assert map50_range([], 1) is None
    assert map50_range([NOTHING] * 3, 1) is None
    assert map50_range([NOTHING] * 5 + [FOUND], 1) is None
    assert map50_range([FOUND] * 5, 1, groups=np.zeros(5, np.int64)) is None
    assert (
        map50_range([NOTHING] * 50 + [FOUND] * 2, 1) is not None
    )  # draws without one do not count
