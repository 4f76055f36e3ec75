"""Of boxes that show the same thing, the one with the highest score."""

from __future__ import annotations

import numpy as np

from services.common.detector.suppression import suppress

BOXES = np.array(
    [[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 4], [0, 0, 10, 10]], np.float32
)
SCORES = np.array([0.5, 0.9, 0.4, 0.8, 0.7], np.float32)
LABELS = np.array([0, 0, 0, 0, 1])


def test_the_best_of_each_thing_remains_highest_score_first() -> None:
    assert suppress(BOXES, SCORES, LABELS, most=9).tolist() == [1, 3, 4, 2]


def test_no_more_than_asked_for_remain() -> None:
    assert suppress(BOXES, SCORES, LABELS, most=2).tolist() == [1, 3]
    none = suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int), most=2)
    assert none.tolist() == []


def test_a_piece_of_a_thing_goes_where_another_part_of_the_picture_shows_it_whole() -> None:
    parts = np.array([0, 0, 0, 1, 0])
    assert suppress(BOXES, SCORES, LABELS, parts, most=9).tolist() == [1, 4, 2]


def test_boxes_without_area_neither_crash_nor_hide_others() -> None:
    boxes = np.array([[5, 5, 5, 5], [0, 0, 10, 10], [5, 5, 5, 5]], np.float32)
    scores = np.array([0.9, 0.5, 0.4], np.float32)
    assert suppress(boxes, scores, np.zeros(3, int), most=9).tolist() == [0, 1, 2]
