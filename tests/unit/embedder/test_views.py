"""Views of a picture: what each name stands for, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from graft.errors import InvalidArgument
from services.embedder import views
from tests.support.images import picture

# A picture of 10 x 5 pixels whose red is the column and whose green is the row.
ROWS, COLUMNS = np.mgrid[0:5, 0:10]
SMALL = np.stack([COLUMNS, ROWS, np.zeros_like(ROWS)], axis=2).astype(np.uint8)


def seen(name: str) -> np.ndarray:
    return np.asarray(views.find(name)(Image.fromarray(SMALL)))


@pytest.mark.parametrize(
    ("name", "columns", "rows"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 3, 4]),
        ("flip", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4]),
        ("centre", [1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3]),
        ("top_left", [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3]),
        ("bottom_right_flip", [9, 8, 7, 6, 5, 4, 3, 2], [1, 2, 3, 4]),
    ],
)
def test_a_view_takes_these_columns_and_rows(
    name: str, columns: list[int], rows: list[int]
) -> None:
    found = seen(name)
    assert found[0, :, 0].tolist() == columns
    assert found[:, 0, 1].tolist() == rows


def test_bright_is_brighter_with_less_colour() -> None:
    colours = np.array([[[100, 100, 100], [0, 0, 0], [200, 50, 50], [250, 250, 250]]], np.uint8)
    found = np.asarray(views.find("bright")(Image.fromarray(colours)))
    # Each channel times 1.3, at most 255, then 30% of the way towards the pixel's grey (ITU-R 601).
    assert found[0].tolist() == [[130, 130, 130], [0, 0, 0], [215, 82, 82], [255, 255, 255]]


@pytest.mark.parametrize("name", ["", *views.VIEWS])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 3), (37, 53)])
def test_any_picture_has_each_view_and_stays_as_it_was(name: str, size: tuple[int, int]) -> None:
    original = picture(*size)
    before = np.asarray(original).copy()
    once, twice = (np.asarray(views.find(name)(original)) for _ in range(2))
    assert once.size
    assert once.dtype == np.uint8
    assert np.array_equal(once, twice)
    assert np.array_equal(np.asarray(original), before)


def test_a_view_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InvalidArgument, match=r"flip, centre.*bright; got 'sepia'") as caught:
        views.find("sepia")
    assert caught.value.field == "view"
