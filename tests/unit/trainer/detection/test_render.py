"""Views as pixels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from services.common.detector.regions import Region
from services.trainer.detection.render import render
from services.trainer.detection.views import Part, View

SIZES = [(80, 40), (40, 40)]


def picture(number: int) -> Image.Image:
    """Half red, half blue, at half its size; or green."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20, 0], pixels[:, 20:, 2] = 255, 255
    if number == 1:
        pixels = np.full((40, 40, 3), (0, 255, 0), np.uint8)
    return Image.fromarray(pixels)


def pixels_of(view: View) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(render(view, 32, picture, SIZES))).convert("RGB"))


def test_a_region_is_told_in_pixels_of_the_file_whatever_was_decoded() -> None:
    found = pixels_of(View((Part(0, Region(0, 0, 80, 40)),)))
    assert found.shape == (32, 32, 3)
    assert (found[:, :14] == (255, 0, 0)).all()
    assert (found[:, 18:] == (0, 0, 255)).all()


def test_a_mirrored_part_is_mirrored() -> None:
    found = pixels_of(View((Part(0, Region(0, 0, 80, 40), flip=True),)))
    assert (found[:, :14] == (0, 0, 255)).all()


def test_light_changes_colours_alone() -> None:
    dark = pixels_of(View((Part(1, Region(0, 0, 40, 40), light=(0.5, 1.0, 1.0)),)))
    assert np.abs(dark.astype(int) - (0, 127, 0)).max() <= 1


def test_a_mosaic_shows_its_parts_in_their_places() -> None:
    whole = {number: Region(0, 0, *map(float, size)) for number, size in enumerate(SIZES)}
    view = View(
        (
            Part(1, whole[1], place=(0, 0, 0.5, 0.5)),
            Part(0, whole[0], place=(0.5, 0, 1, 0.5)),
            Part(0, whole[0], place=(0, 0.5, 0.5, 1)),
            Part(1, whole[1], place=(0.5, 0.5, 1, 1)),
        )
    )
    found = pixels_of(view)
    assert (found[:16, :16] == (0, 255, 0)).all()
    assert (found[16:, 16:] == (0, 255, 0)).all()
    assert (found[:16, 16:22] == (255, 0, 0)).all()
    assert (found[16:, 11:16] == (0, 0, 255)).all()
