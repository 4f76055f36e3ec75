"""Views of pictures, and what they show."""

from __future__ import annotations

import hashlib

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
KEYS = [hashlib.sha256(b"%d" % n).digest() for n in range(100)]


def test_the_first_two_views_are_the_picture_and_its_mirror() -> None:
    views = training_views(KEYS[:5], SIZES, 4, 1.0, seed=0)
    assert len(views) == 20
    for number in range(5):
        plain, mirrored = views[4 * number], views[4 * number + 1]
        np.testing.assert_allclose(seen_in(plain, TRUTHS).boxes, [[0, 0, 0.5, 0.5]])
        np.testing.assert_allclose(seen_in(mirrored, TRUTHS).boxes, [[0.5, 0, 1, 0.5]])
        assert seen_in(mirrored, TRUTHS).labels.tolist() == [number]


def test_views_are_the_same_for_the_same_seed_and_named_by_what_they_are() -> None:
    first, again = (training_views(KEYS[:5], SIZES, 6, 1.0, seed=3) for _ in range(2))
    other = training_views(KEYS[:5], SIZES, 6, 1.0, seed=4)
    names = [view.key(KEYS, 320) for view in first]
    assert names == [view.key(KEYS, 320) for view in again]
    assert len(set(names)) == len(names)
    assert names[2] != other[2].key(KEYS, 320)
    assert names[0] == other[0].key(KEYS, 320)
    assert names[0] != first[0].key(KEYS, 640)
    assert names[0] != first[0].key([b"x" * 32] * 5, 320)


def test_mosaics_show_four_pictures_of_those_that_may_be_shown() -> None:
    views = training_views(KEYS[:4], SIZES[:4], 40, 1.0, seed=0)
    mosaics = [view for view in views if len(view.parts) == 4]
    assert 0.1 < len(mosaics) / len(views) < 0.4
    assert all(sorted(view.pictures) == [0, 1, 2, 3] for view in mosaics)
    assert {view.pictures.index(1) for view in mosaics} == {0, 1, 2, 3}
    few = training_views(KEYS[:3], SIZES[:3], 40, 1.0, seed=0)
    assert all(len(view.parts) == 1 for view in few)


@pytest.mark.parametrize("at", [0, 20, 39])
@pytest.mark.parametrize("share", [1.0, 0.25])
def test_a_picture_that_comes_leaves_most_views_of_the_others(at: int, share: float) -> None:
    before = [key for n, key in enumerate(KEYS[:40]) if n != at]
    old, new = (
        {
            view.key(keys, 320)
            for view in training_views(keys, [(200, 100)] * len(keys), 12, share, seed=0)
        }
        for keys in (before, KEYS[:40])
    )
    assert len(old) == 39 * 12
    assert len(old & new) > 0.95 * len(old)


def test_fewer_views_of_a_picture_are_the_first_of_them() -> None:
    many, few = (training_views(KEYS[:5], SIZES, count, 1.0, seed=0) for count in (12, 7))
    assert few == [view for n, view in enumerate(many) if n % 12 < 7]


def test_every_picture_stands_in_about_as_many_mosaics() -> None:
    views = training_views(KEYS, [(100, 100)] * 100, 100, 1.0, seed=0)
    mosaics = [view for view in views if len(view.parts) == 4]
    assert all(len(set(view.pictures)) == 4 for view in mosaics)
    assert len({frozenset(view.pictures) for view in mosaics}) > 0.95 * len(mosaics)
    times = np.bincount([n for view in mosaics for n in view.pictures[1:]], minlength=100)
    # Drawn at random they would spread by the square root of 75, about 9.
    assert times.std() < 1.5 * np.sqrt(times.mean())


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
    views = training_views(KEYS[:5], [(1000, 1000)] * 5, 30, 0.25, seed=0)
    sides = [part.region.width for view in views for part in view.parts]
    assert max(sides) <= 0.25 * 1.6 * np.exp(0.25) * 1000 + 1
    assert np.median(sides) < 300


def test_a_picture_is_answered_as_a_whole_or_in_tiles() -> None:
    assert len(whole_views((200, 100), 2, 200.0)) == 1
    tiled = whole_views((200, 100), 2, 50.0)
    assert len(tiled) > 4
    assert {view.pictures for view in tiled} == {(2,)}
