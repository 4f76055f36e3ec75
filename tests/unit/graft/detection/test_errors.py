from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.detection.errors import ErrorCounts, Kind, count_errors, sort_scene
from graft.detection.outcomes import outcomes
from graft.detection.scene import Answer, Scene, Truth
from tests.support.scenes import random_scenes

CAT, DOG = 0, 1
BOTH = np.array([0.5, 0.5])
TRUTH = Truth.of([(0, 0, 100, 100), (200, 0, 100, 100)], [CAT, DOG])


def beside(left: float) -> tuple[float, float, float, float]:
    return (left, 0.0, 100.0, 100.0)


@pytest.mark.parametrize(
    ("left", "label", "kind", "thing"),
    [
        (0, CAT, Kind.HIT, 0),
        (30, CAT, Kind.HIT, 0),  # 70 / 130
        (50, CAT, Kind.WRONG_PLACE, 0),  # 50 / 150
        (0, DOG, Kind.WRONG_CLASS, 0),
        (50, DOG, Kind.WRONG_CLASS, 0),
        (90, CAT, Kind.BACKGROUND, -1),  # 10 / 190
        (400, DOG, Kind.BACKGROUND, -1),
    ],
)
def test_the_thing_that_it_overlaps_most_tells(
    left: float, label: int, kind: Kind, thing: int
) -> None:
    scene = Scene(TRUTH, Answer.of([beside(left)], [label], [0.9]))
    (found,) = sort_scene(scene, BOTH).findings
    assert (found.kind, found.thing) == (kind, thing)


def test_a_second_answer_to_the_same_thing_is_a_duplicate() -> None:
    scene = Scene(TRUTH, Answer.of([beside(10), beside(0)], [CAT, CAT], [0.7, 0.9]))
    found = sort_scene(scene, BOTH)
    assert [(one.number, one.kind) for one in found.findings] == [(1, "hit"), (0, "duplicate")]
    assert found.missed.tolist() == [False, True]


def test_a_duplicate_of_two_things_at_one_place_is_no_wrong_class() -> None:
    truth = Truth.of([beside(5), beside(0)], [CAT, DOG])
    scene = Scene(truth, Answer.of([beside(0), beside(0)], [CAT, CAT], [0.9, 0.8]))
    assert [one.kind for one in sort_scene(scene, BOTH).findings] == ["hit", "duplicate"]


def test_of_two_things_the_nearer_one_tells() -> None:
    truth = Truth.of([beside(0), beside(100)], [CAT, DOG])
    scene = Scene(truth, Answer.of([beside(60), beside(40)], [CAT, CAT], [0.9, 0.8]))
    kinds = [one.kind for one in sort_scene(scene, BOTH).findings]
    assert kinds == ["wrong_class", "wrong_place"]


def test_what_is_below_its_threshold_is_not_given() -> None:
    scene = Scene(TRUTH, Answer.of([beside(0), beside(200)], [CAT, DOG], [0.4, 0.4]))
    found = sort_scene(scene, np.array([0.3, 0.5]))
    assert [one.number for one in found.findings] == [0]
    assert found.missed.tolist() == [False, True]


def test_a_crowd_is_never_missed_and_explains_nothing() -> None:
    truth = Truth(np.array([beside(0)]), np.array([CAT]), np.array([True]))
    scene = Scene(truth, Answer.of([beside(0), beside(0)], [CAT, DOG], [0.9, 0.9]))
    found = sort_scene(scene, BOTH)
    assert [(one.number, one.kind) for one in found.findings] == [(1, "background")]
    assert not found.missed.any()


def test_without_things_all_is_background() -> None:
    scene = Scene(Truth.of([], []), Answer.of([beside(0)], [DOG], [0.9]))
    assert count_errors([scene], BOTH) == [ErrorCounts(), ErrorCounts(background=1)]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_answer_is_of_one_kind_and_every_thing_found_or_missed(seed: int) -> None:
    scenes = random_scenes(np.random.default_rng(seed), 5, 3, 8, 20, 0.1, 10)
    thresholds = np.array([0.2, 0.5, 0.8])
    for label, counts in enumerate(count_errors(scenes, thresholds)):
        found = outcomes(scenes, label)
        given_answers = int((found.scores >= thresholds[label]).sum())
        wrong = counts.duplicate + counts.wrong_place + counts.wrong_class + counts.background
        assert counts.hit + wrong == given_answers
        assert counts.hit + counts.missed == found.things
