"""Views of pictures, and what they show."""

from __future__ import annotations

import numpy as np
import pytest

from graft.detection.scene import Truth
from services.common.detector.regions import Region
from services.trainer.detection.views import (
    Part,
    View,
    seen_in,
    training_views,
    whole_views,
)

SIZES = [(200, 100), (100, 100), (80, 160), (300, 300), (50, 50)]
TRUTHS = [
    Truth.of([(0.0, 0.0, width / 2, height / 2)], [n]) for n, (width, height) in enumerate(SIZES)
]
KEYS = [bytes([n]) * 32 for n in range(5)]


def test_the_first_two_views_are_the_picture_and_its_mirror() -> None:
    views = training_views(SIZES, range(5), 4, 1.0, seed=0)
    assert len(views) == 20
    for number in range(5):
        plain, mirrored = views[4 * number], views[4 * number + 1]
        np.testing.assert_allclose(seen_in(plain, TRUTHS).boxes, [[0, 0, 0.5, 0.5]])
        np.testing.assert_allclose(seen_in(mirrored, TRUTHS).boxes, [[0.5, 0, 1, 0.5]])
        assert seen_in(mirrored, TRUTHS).labels.tolist() == [number]


def test_views_are_the_same_for_the_same_seed_and_named_by_what_they_are() -> None:
    first, again = (training_views(SIZES, range(5), 6, 1.0, seed=3) for _ in range(2))
    other = training_views(SIZES, range(5), 6, 1.0, seed=4)
    names = [view.key(KEYS, 320) for view in first]
    assert names == [view.key(KEYS, 320) for view in again]
    assert len(set(names)) == len(names)
    assert names[2] != other[2].key(KEYS, 320)
    assert names[0] == other[0].key(KEYS, 320)
    assert names[0] != first[0].key(KEYS, 640)
    assert names[0] != first[0].key([b"x" * 32] * 5, 320)


def test_mosaics_show_four_pictures_of_those_that_may_be_shown() -> None:
    views = training_views(SIZES, [0, 1, 2, 3], 40, 1.0, seed=0)
    mosaics = [view for view in views if len(view.parts) == 4]
    assert 0.1 < len(mosaics) / len(views) < 0.4
    assert all(sorted(view.pictures) == [0, 1, 2, 3] for view in mosaics)
    assert all(len(view.parts) == 1 for view in training_views(SIZES, [0, 1, 2], 40, 1.0, seed=0))


def test_boxes_lie_where_the_things_are_shown() -> None:
    part = Part(0, Region(50, 0, 100, 100), place=(0.5, 0.5, 1.0, 1.0))
    seen = seen_in(View((part,)), [Truth.of([(100, 20, 50, 40)], [3])])
    np.testing.assert_allclose(seen.boxes, [[0.75, 0.6, 1.0, 0.8]])
    flipped = seen_in(View((Part(0, Region(50, 0, 100, 100), flip=True),)), TRUTHS)
    np.testing.assert_allclose(flipped.boxes, [[0.5, 0, 1.0, 0.5]])


@pytest.mark.parametrize(
    ("left", "boxes", "ignored"), [(0, 1, 0), (50, 1, 0), (75, 0, 1), (95, 0, 0), (120, 0, 0)]
)
def test_what_can_hardly_be_seen_is_neither_thing_nor_background(
    left: float, boxes: int, ignored: int
) -> None:
    seen = seen_in(View((Part(0, Region(left, 0, 200, 100)),)), TRUTHS)
    assert (len(seen.boxes), len(seen.ignore)) == (boxes, ignored)


def test_crowds_are_ignored() -> None:
    truth = Truth(np.array([[0.0, 0.0, 50, 50]]), np.array([0]), np.array([True]))
    seen = seen_in(View((Part(0, Region(0, 0, 100, 100)),)), [truth])
    assert (len(seen.boxes), len(seen.ignore)) == (0, 1)


def test_tiles_are_looked_at_with_regions_of_their_share() -> None:
    views = training_views([(1000, 1000)] * 5, range(5), 30, 0.25, seed=0)
    sides = [part.region.width for view in views for part in view.parts]
    assert max(sides) <= 0.25 * 1.6 * np.exp(0.25) * 1000 + 1
    assert np.median(sides) < 300


def test_a_picture_is_answered_as_a_whole_or_in_tiles() -> None:
    assert len(whole_views((200, 100), 2, 200.0)) == 1
    tiled = whole_views((200, 100), 2, 50.0)
    assert len(tiled) > 4
    assert {view.pictures for view in tiled} == {(2,)}
