"""Found things drawn on their picture."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from graft import Box, Detected, DetectedObject, InvalidArgument
from graft.marking import COLOURS, LEAST_SIDE, Palette, mark
from tests.support.images import encode

GREY = (128, 128, 128)


def _marked(data: bytes, *objects: DetectedObject, size: tuple[int, int]) -> Image.Image:
    found = Detected(objects, *size)
    return Image.open(io.BytesIO(mark(data, found, Palette())))


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _share(picture: Image.Image, region: tuple[int, int, int, int]) -> float:
    """The share of pixels of the first colour in a region."""
    seen = np.asarray(picture.crop(region))
    return float((np.abs(seen - np.array(_rgb(COLOURS[0]), np.int16)).max(axis=2) < 8).mean())


def test_a_box_is_drawn_where_it_is_with_its_words_above() -> None:
    thing = DetectedObject("raccoon", 0.87, Box(200, 150, 400, 300))
    drawn = _marked(encode(Image.new("RGB", (1000, 700), GREY), "PNG"), thing, size=(1000, 700))
    assert drawn.size == (1000, 700)
    assert drawn.getpixel((200, 300)) == drawn.getpixel((400, 450)) == _rgb(COLOURS[0])
    assert drawn.getpixel((400, 300)) == GREY
    assert _share(drawn, (202, 130, 280, 149)) > 0.4  # words on a ground of the colour


def test_a_small_picture_is_enlarged_so_that_words_can_be_read() -> None:
    thing = DetectedObject("x", 0.5, Box(8, 8, 16, 8))
    drawn = _marked(encode(Image.new("RGB", (32, 24), GREY), "PNG"), thing, size=(32, 24))
    assert drawn.size == (LEAST_SIDE, LEAST_SIDE * 24 // 32)
    assert drawn.getpixel((8 * 20, 12 * 20)) == _rgb(COLOURS[0])


def test_boxes_lie_on_the_picture_as_it_is_seen() -> None:
    lying = Image.new("RGB", (700, 1000), GREY)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter when it is shown
    buffer = io.BytesIO()
    lying.save(buffer, "JPEG", exif=exif)
    thing = DetectedObject("x", 0.5, Box(900, 100, 90, 500))
    drawn = _marked(buffer.getvalue(), thing, size=(1000, 700))
    assert drawn.size == (1000, 700)
    assert _share(drawn, (900, 200, 902, 500)) == 1.0


def test_what_is_unknown_has_a_dashed_line() -> None:
    grey = encode(Image.new("RGB", (800, 600), GREY), "PNG")
    whole, dashed = (
        _marked(grey, DetectedObject("x", 0.5, Box(100, 100, 500, 300), unknown), size=(800, 600))
        for unknown in (False, True)
    )
    side = (101, 150, 102, 350)
    assert _share(whole, side) == 1.0
    assert 0.3 < _share(dashed, side) < 0.7


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "I;16", "1"])
def test_every_kind_of_picture_can_be_drawn_on(mode: str) -> None:
    thing = DetectedObject("x" * 80, 0.5, Box(0, 0, 700, 700))
    data = encode(Image.new(mode, (700, 700)), "PNG")
    drawn = _marked(data, thing, size=(700, 700))
    assert drawn.mode == "RGB"
    assert _share(drawn, (0, 300, 2, 400)) == 1.0


def test_a_label_keeps_its_colour_and_others_have_theirs() -> None:
    palette = Palette()
    labels = [f"label {number}" for number in range(len(COLOURS))]
    assert len({palette.colour(label) for label in labels}) == len(COLOURS)
    assert palette.colour("label 3") == COLOURS[3]


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="cannot be read"):
        _marked(b"no picture", size=(1, 1))


def test_without_pillow_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['PIL'] = None\n"
        "from graft.errors import FailedPrecondition\n"
        "from graft.marking import check_marking\n"
        "try:\n    check_marking()\n"
        "except FailedPrecondition as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=30, capture_output=True, text=True
    )
    assert "pip install 'graft-suite[draw]'" in done.stdout
