from __future__ import annotations

import numpy as np
import pytest

from graft.detection.overlap import areas, overlaps

ONE = np.array([[0.0, 0.0, 10.0, 10.0]])


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        ((0, 0, 10, 10), 1.0),
        ((5, 0, 10, 10), 50 / 150),
        ((2, 2, 5, 4), 20 / 100),
        ((10, 0, 10, 10), 0.0),
        ((30, 30, 1, 1), 0.0),
    ],
)
def test_what_both_cover_over_what_either_covers(
    other: tuple[int, int, int, int], wanted: float
) -> None:
    others = np.array([other], np.float64)
    assert overlaps(ONE, others)[0, 0] == pytest.approx(wanted)
    assert overlaps(others, ONE)[0, 0] == pytest.approx(wanted)


def test_in_a_crowd_it_is_the_share_of_the_box_that_lies_in_it() -> None:
    crowd = np.array([[5.0, 0.0, 1000.0, 1000.0]])
    assert overlaps(ONE, crowd, np.array([True]))[0, 0] == pytest.approx(0.5)


def test_of_none_there_is_none() -> None:
    none = np.zeros((0, 4))
    assert overlaps(none, ONE).shape == (0, 1)
    assert overlaps(ONE, none).shape == (1, 0)
    assert areas(none).shape == (0,)
