"""Average precision against pycocotools, on random pictures and on real ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.detection.average_precision import average_precision
from graft.detection.scene import Answer, Scene, Truth
from tests.support.coco import evaluated
from tests.support.scenes import random_scenes, real_scenes

NEAR = 1e-6


def check(scenes: list[Scene], labels: int) -> None:
    found = average_precision(scenes, labels)
    precision, recall = evaluated(scenes, labels)
    np.testing.assert_allclose(found.precision, precision, atol=NEAR, rtol=0)
    np.testing.assert_allclose(found.recall, recall, atol=NEAR, rtol=0)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pictures=st.integers(1, 8),
    labels=st.integers(1, 3),
    things=st.integers(0, 12),
    answers=st.integers(0, 20),
    crowds=st.sampled_from([0.0, 0.2, 1.0]),
    scores=st.sampled_from([2, 5, 1000]),
)
def test_it_is_what_pycocotools_says_of_random_pictures(
    seed: int,
    pictures: int,
    labels: int,
    things: int,
    answers: int,
    crowds: float,
    scores: int,
) -> None:
    rng = np.random.default_rng(seed)
    check(random_scenes(rng, pictures, labels, things, answers, crowds, scores), labels)


@pytest.mark.shared
def test_it_is_what_pycocotools_says_of_raccoons() -> None:
    scenes = real_scenes("raccoon", "test")
    check(scenes, 1)
    assert 0.1 < average_precision(scenes, 1).map() < 0.9  # answers that are neither all nor none


def test_it_is_what_pycocotools_says_where_more_than_100_are_answered() -> None:
    rng = np.random.default_rng(3)
    check(random_scenes(rng, 3, 1, 30, 250, 0.1, 50), 1)


def test_all_found_is_one_and_nothing_found_is_zero() -> None:
    boxes = [(10.0, 20.0, 30.0, 40.0), (50.0, 60.0, 70.0, 80.0)]
    truth = Truth.of(boxes, [0, 0])
    right = average_precision([Scene(truth, Answer.of(boxes, [0, 0], [0.9, 0.8]))], 1)
    assert right.map() == pytest.approx(1.0)
    assert right.map(overlap=0.5, band="medium") == pytest.approx(1.0)
    assert right.mean_recall(most=1) == pytest.approx(0.5)
    assert math.isnan(right.map(band="small"))
    assert right.things.tolist() == [[2, 0, 2, 0]]
    none = average_precision([Scene(truth, Answer.of([], [], []))], 1)
    assert none.map() == 0.0
    assert none.mean_recall() == 0.0


def test_a_label_without_a_thing_has_no_figure_and_lowers_no_mean() -> None:
    box = [(10.0, 20.0, 30.0, 40.0)]
    scene = Scene(Truth.of(box, [1]), Answer.of(box * 2, [0, 1], [0.9, 0.8]))
    found = average_precision([scene], 2)
    assert math.isnan(found.by_label()[0])
    assert found.by_label(overlap=0.75)[1] == pytest.approx(1.0)
    assert found.map() == pytest.approx(1.0)


def test_worked_out_by_hand() -> None:
    """Two things; of three answers the first and the last are right: precision 1 up to half of
    the things, 2/3 beyond; 51 recalls of 101 are at most one half."""
    truth = Truth.of([(0, 0, 100, 100), (200, 0, 100, 100)], [0, 0])
    answer = Answer.of(
        [(0, 0, 100, 100), (500, 0, 100, 100), (200, 0, 100, 100)], [0, 0, 0], [0.9, 0.8, 0.7]
    )
    found = average_precision([Scene(truth, answer)], 1)
    assert found.map(overlap=0.5) == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_it_is_what_pycocotools_says_of_ties_and_of_the_edges_of_bands() -> None:
    """The first answer lies between two things, equally far from both; the second near one."""
    for second in (-20.0, 80.0):
        truth = Truth.of([(0, 0, 100, 100), (60, 0, 100, 100)], [0, 0])
        answer = Answer.of([(30, 0, 100, 100), (second, 0, 100, 100)], [0, 0], [0.9, 0.8])
        check([Scene(truth, answer)], 1)
    edges = [(0.0, 0.0, 32.0, 32.0), (200.0, 0.0, 96.0, 96.0)]
    check([Scene(Truth.of(edges, [0, 0]), Answer.of(edges, [0, 0], [0.9, 0.8]))], 1)
