"""What was found in regions, put together for the picture."""

from __future__ import annotations

import numpy as np

from services.common.detector.detector import Found
from services.common.detector.merge import merge
from services.common.detector.regions import Region


def found(boxes: list[list[float]], scores: list[float]) -> Found:
    count = len(scores)
    return Found(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(count, np.int64),
        np.array(scores, np.float32),
        np.zeros(count, np.bool_),
    )


def test_boxes_come_in_pixels_of_the_picture() -> None:
    answer = merge([found([[0.1, 0.5, 0.5, 1]], [0.9])], [Region(0, 0, 200, 100)], 200, 100)
    np.testing.assert_allclose(answer.boxes, [[20, 50, 100, 100]], rtol=1e-6)


def test_a_thing_that_two_regions_show_is_answered_once() -> None:
    whole = found([[0.4, 0.4, 0.6, 0.6]], [0.5])
    tile = found([[0.6, 0.6, 1, 1], [0, 0, 0.1, 0.1]], [0.8, 0.3])
    regions = [Region(0, 0, 100, 100), Region(10, 10, 50, 50)]
    answer = merge([whole, tile], regions, 100, 100)
    np.testing.assert_allclose(answer.boxes, [[40, 40, 60, 60], [10, 10, 15, 15]], rtol=1e-5)
    np.testing.assert_allclose(answer.scores, [0.8, 0.3])


def test_boxes_are_cut_to_the_picture_and_nothing_is_nothing() -> None:
    beyond = merge([found([[0, 0, 1, 1]], [0.5])], [Region(-10, -10, 120, 120)], 100, 100)
    np.testing.assert_allclose(beyond.boxes, [[0, 0, 100, 100]])
    assert not len(merge([found([], [])], [Region(0, 0, 9, 9)], 9, 9).boxes)
