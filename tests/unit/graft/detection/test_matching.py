from __future__ import annotations

import numpy as np

from graft.detection.matching import judge, match
from graft.detection.scene import Answer, Scene, Truth

HALF = np.array([0.5])
NONE = np.array([False, False])


def taken(overlap: list[list[float]], *, crowd: list[bool] | None = None) -> list[int]:
    aside = NONE if crowd is None else np.array(crowd)
    found = match(np.array(overlap), HALF, crowd=aside, aside=aside)
    return [int(number) for number in found[0]]


def test_the_most_certain_answer_takes_the_thing_that_it_overlaps_most() -> None:
    assert taken([[0.6, 0.7], [0.6, 0.9]]) == [1, 0]


def test_of_equals_it_takes_the_last() -> None:
    assert taken([[0.7, 0.7], [0.6, 0.6]]) == [1, 0]


def test_what_is_taken_is_taken() -> None:
    assert taken([[0.9, 0.0], [0.95, 0.49]]) == [0, -1]


def test_a_crowd_takes_what_finds_nothing_else_again_and_again() -> None:
    assert taken([[1.0, 0.5], [1.0, 0.9], [1.0, 0.0]], crowd=[True, False]) == [1, 0, 0]


def test_a_greater_threshold_lets_fewer_pass() -> None:
    found = match(np.array([[0.6], [0.9]]), np.array([0.5, 0.75]), crowd=NONE[:1], aside=NONE[:1])
    assert found.tolist() == [[0, -1], [-1, 0]]


def test_without_things_or_answers_nothing_is_taken() -> None:
    assert match(np.zeros((2, 0)), HALF, crowd=NONE[:0], aside=NONE[:0]).tolist() == [[-1, -1]]
    assert match(np.zeros((0, 2)), HALF, crowd=NONE, aside=NONE).shape == (1, 0)


def test_a_judgement_tells_places_in_the_answer_and_in_the_truth() -> None:
    box, far = (0.0, 0.0, 10.0, 10.0), (90.0, 0.0, 10.0, 10.0)
    truth = Truth.of([box, box, far], [1, 0, 0])
    answer = Answer.of([box, far, box, box], [1, 0, 0, 0], [0.1, 0.2, 0.9, 0.3])
    found = judge(Scene(truth, answer), 0)
    assert found.numbers.tolist() == [2, 3, 1]
    assert found.taken.tolist() == [1, -1, 2]
    assert found.hits.tolist() == [True, False, True]
