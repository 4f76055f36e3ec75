"""A region of a picture as pixels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from services.common.detector.crop import OUTSIDE, as_file, crop
from services.common.detector.regions import Region


def striped() -> Image.Image:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 40:] = 200
    return Image.fromarray(pixels)


def test_a_region_within_the_picture_is_cut_out_and_resized() -> None:
    found = np.asarray(crop(striped(), Region(40, 0, 40, 40), 20, 20))
    assert found.shape == (20, 20, 3)
    assert (found[:, 2:] == 200).all()


def test_what_lies_beyond_the_edges_is_filled() -> None:
    found = np.asarray(crop(striped(), Region(-40, -20, 160, 80), 80, 40))
    assert (found[0, 0] == OUTSIDE).all()
    assert (found[-1, -1] == OUTSIDE).all()
    assert (found[20, 22] == 0).all()
    assert (found[20, 57] == 200).all()


def test_a_file_of_it_holds_the_same_pixels() -> None:
    shown = crop(striped(), Region(10, 0, 60, 40), 32, 32)
    again = Image.open(io.BytesIO(as_file(shown)))
    assert (np.asarray(again.convert("RGB")) == np.asarray(shown)).all()
