"""Which parts of a picture are looked at."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.common.detector.regions import MAX_TILES, TOLERANCE, Region, regions_of


def test_a_picture_of_the_usual_size_is_looked_at_as_a_whole() -> None:
    assert regions_of(640, 480, 640.0) == [Region(0, 0, 640, 480)]
    assert len(regions_of(int(640 * TOLERANCE), 100, 640.0)) == 1


def test_a_much_larger_one_is_looked_at_in_tiles_too() -> None:
    whole, *tiles = regions_of(2000, 1000, 500.0)
    assert whole == Region(0, 0, 2000, 1000)
    assert {(tile.width, tile.height) for tile in tiles} == {(500, 500)}
    assert max(tile.left for tile in tiles) == 1500
    assert max(tile.top for tile in tiles) == 500


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.floats(16, 4_000))
def test_tiles_cover_the_picture_and_are_bounded(width: int, height: int, reach: float) -> None:
    whole, *tiles = regions_of(width, height, reach)
    assert (whole.width, whole.height) == (width, height)
    assert len(tiles) <= MAX_TILES
    for tile in tiles:
        assert tile.left >= 0
        assert tile.top >= 0
        assert tile.left + tile.width <= width + 1e-6
        assert tile.top + tile.height <= height + 1e-6
    for length, at, size in (
        (width, "left", "width"),
        (height, "top", "height"),
    ):
        spans = sorted({(getattr(t, at), getattr(t, at) + getattr(t, size)) for t in tiles})
        for (_, end), (start, _) in pairwise(spans):
            assert start <= end
        if spans:
            assert spans[0][0] == 0
            assert abs(spans[-1][1] - length) < 1e-6
