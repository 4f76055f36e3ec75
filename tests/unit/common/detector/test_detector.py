"""A detector's forward pass."""

from __future__ import annotations

import numpy as np
import pytest

from graft.errors import DataLoss
from services.common.detector.detector import Detector, look
from services.common.heads.familiarity import Familiarity
from tests.support import blobs

MAPS = [
    np.random.default_rng(3)
    .normal(size=(3, blobs.CELLS, blobs.CELLS, blobs.CHANNELS))
    .astype(np.float32)
]


def test_a_region_is_answered_alike_whoever_is_beside_it() -> None:
    detector = blobs.detector()
    together = detector.answer(MAPS)
    for row in range(3):
        (alone,) = detector.answer([maps[row : row + 1] for maps in MAPS])
        np.testing.assert_allclose(alone.boxes, together[row].boxes, atol=1e-5)
        assert alone.labels.tolist() == together[row].labels.tolist()


def test_boxes_lie_within_the_region_and_the_most_certain_comes_first() -> None:
    for found in blobs.detector().answer(MAPS):
        assert len(found.boxes) > 0
        assert (found.boxes >= 0).all()
        assert (found.boxes <= 1).all()
        assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
        assert (np.diff(found.scores) <= 0).all()
        assert (found.scores >= 0).all()
        assert (found.scores <= 1).all()


def test_arrays_bring_it_back() -> None:
    familiarity = Familiarity.of(np.zeros(blobs.CHANNELS), np.eye(blobs.CHANNELS)[:, :2])
    detector = blobs.detector().calibrated(
        (2.0, 0.5), np.array([0.2, 0.4], np.float32), familiarity.flagging(-0.5)
    )
    arrays = detector.to_arrays()
    again = Detector.from_arrays(blobs.LABELS, arrays)
    assert again.geometry == detector.geometry
    assert again.nbytes == detector.nbytes == sum(array.nbytes for array in arrays.values())
    for one, other in zip(again.answer(MAPS), detector.answer(MAPS), strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.unknown, other.unknown)


@pytest.mark.parametrize(
    "name", ["geometry", "strides", "channels", "curve", "thresholds", "0/bias"]
)
def test_arrays_that_lack_something_are_refused(name: str) -> None:
    arrays = blobs.detector().to_arrays()
    del arrays[name]
    with pytest.raises(DataLoss):
        Detector.from_arrays(blobs.LABELS, arrays)


def test_what_is_unlike_all_that_was_shown_is_unknown() -> None:
    far = np.full((1, blobs.CELLS, blobs.CELLS, blobs.CHANNELS), 0, np.float32)
    far[..., -1] = 5
    near = np.full_like(far, 0)
    near[..., 0] = 5
    familiarity = Familiarity.of(np.zeros(blobs.CHANNELS), np.eye(blobs.CHANNELS)[:, :1])
    familiarity = familiarity.weighted(odds_weight=0, distance_weight=1, most_odds=1.0)
    detector = blobs.detector().calibrated(
        (1.0, 0.0), np.full(2, 0.5, np.float32), familiarity.flagging(-0.5)
    )
    assert detector.answer([far])[0].unknown.all()
    assert not detector.answer([near])[0].unknown.any()


def test_a_network_that_is_certain_of_nothing_does_not_move_the_box() -> None:
    good, bad = blobs.network(0), blobs.network(1)
    bad.out_bias[:2] = -40
    bad.out[:, :2] = 0
    one = blobs.detector(networks=1)
    both = Detector(one.labels, one.channels, one.geometry, (good, bad), one.thresholds)
    alone = Detector(one.labels, one.channels, one.geometry, (good,), one.thresholds)
    first, second = alone.answer(MAPS)[0], both.answer(MAPS)[0]
    np.testing.assert_allclose(first.boxes[:3], second.boxes[:3], atol=1e-3)


def test_a_box_is_looked_at_where_it_lies() -> None:
    coarsest = np.zeros((4, 4, 2), np.float32)
    coarsest[:2, :2, 0] = 3
    coarsest[2:, 2:, 1] = 1
    boxes = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0.9, 0.9, 0.91, 0.91]], np.float32)
    assert look(coarsest, boxes).tolist() == [[1, 0], [0, 1], [0, 1]]
