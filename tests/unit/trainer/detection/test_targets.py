"""What a detector shall answer at each cell."""

from __future__ import annotations

import numpy as np

from services.trainer.detection.targets import make_targets
from services.trainer.detection.views import Seen


def seen(
    boxes: list[list[float]], labels: list[int], ignore: list[list[float]] | None = None
) -> Seen:
    return Seen(
        np.array(boxes, float).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(ignore or [], float).reshape(-1, 4),
    )


def test_the_heat_is_one_at_the_middle_of_a_thing_and_falls_with_its_size() -> None:
    made = make_targets([seen([[0.2, 0.4, 0.8, 0.6]], [1])], 10, 2)
    heat = made.heat[0, :, :, 1]
    assert np.argwhere(heat == 1).tolist() == [[5, 5]]
    assert heat[5, 7] > heat[7, 5]
    assert not made.heat[0, :, :, 0].any()


def test_cells_around_the_middle_learn_the_box() -> None:
    box = [0.2, 0.2, 0.8, 0.8]
    made = make_targets([seen([box], [0])], 10, 1)
    learns = made.weights[0] > 0
    assert learns[5, 5]
    assert not learns[0, 0]
    np.testing.assert_allclose(made.boxes[0][learns], [box] * learns.sum(), rtol=1e-6)
    assert made.weights[0, 5, 5] == made.weights[0].max()


def test_of_a_cell_under_two_things_the_smaller_is_learned() -> None:
    small, large = [0.45, 0.45, 0.65, 0.65], [0.0, 0.0, 1.0, 1.0]
    for boxes in ([small, large], [large, small]):
        made = make_targets([seen(boxes, [0, 0])], 10, 1)
        np.testing.assert_allclose(made.boxes[0, 5, 5], small, rtol=1e-6)


def test_a_view_of_nothing_has_no_heat_and_counts() -> None:
    made = make_targets([seen([], [])], 4, 3)
    assert not made.heat.any()
    assert not made.weights.any()
    assert made.counted.all()


def test_what_is_ignored_does_not_count_but_the_middle_of_a_thing_does() -> None:
    made = make_targets([seen([[0.4, 0.4, 0.6, 0.6]], [0], [[0.0, 0.0, 1.0, 0.6]])], 10, 1)
    assert not made.counted[0, :5, :5].any()
    assert made.counted[0, 5, 5] == 1
    assert made.counted[0, 8].all()


def test_things_at_the_edges_have_a_cell() -> None:
    made = make_targets([seen([[0.99, 0.99, 1.0, 1.0], [0.0, 0.0, 0.01, 0.01]], [0, 0])], 8, 1)
    assert made.heat[0, 7, 7, 0] == 1
    assert made.heat[0, 0, 0, 0] == 1
