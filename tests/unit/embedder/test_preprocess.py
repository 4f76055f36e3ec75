"""The preprocessing line and what it does to a picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from graft.errors import InvalidArgument
from services.embedder.preprocess import Preprocess, parse
from tests.support.images import picture, pixels

LINE = "rgb|resize(96,64,'bilinear','antialias')|scale(0.0,1.0)"


def test_the_line_reads_back_as_it_was_written() -> None:
    assert parse(LINE) == Preprocess(96, 64, 0.0, 1.0)
    assert str(parse(LINE)) == LINE
    assert str(parse(' rgb | resize(96, 64, "bilinear", "antialias") | scale(0, 1) ')) == LINE


@given(
    height=st.integers(1, 4096),
    width=st.integers(1, 4096),
    low=st.floats(-1e6, 1e6),
    span=st.floats(1e-3, 1e6),
)
def test_every_preprocessing_survives_its_line(
    height: int, width: int, low: float, span: float
) -> None:
    preprocess = Preprocess(height, width, low, low + span)
    assert parse(str(preprocess)) == preprocess


@pytest.mark.parametrize(
    "line",
    [
        "",
        "rgb",
        "bgr|resize(1,1,'bilinear','antialias')|scale(0,1)",
        "rgb|resize(0,1,'bilinear','antialias')|scale(0,1)",
        "rgb|resize(1,1.5,'bilinear','antialias')|scale(0,1)",
        "rgb|resize(1,9999,'bilinear','antialias')|scale(0,1)",
        "rgb|resize(1,1,'nearest','antialias')|scale(0,1)",
        "rgb|resize(1,1)|scale(0,1)",
        "rgb|resize(__import__('os'),1,'bilinear','antialias')|scale(0,1)",
        "rgb|resize(1,1,'bilinear','antialias')|scale(1,0)",
        "rgb|resize(1,1,'bilinear','antialias')|scale(0,1e999)",
        "rgb|resize(1,1,'bilinear','antialias')|scale(0,'1')",
        "rgb|resize(1,1,'bilinear','antialias')|scale 0,1",
        "rgb|resize(1,1,'bilinear','antialias')|scale(0,1)|flip()",
    ],
)
def test_any_other_line_is_refused_and_quoted(line: str) -> None:
    with pytest.raises(InvalidArgument, match=r"as in rgb\|resize") as caught:
        parse(line)
    assert caught.value.field == "preprocessing"


def test_a_picture_becomes_the_input() -> None:
    out = Preprocess(10, 20, 0.0, 1.0)(pixels(picture(200, 100)))
    assert out.dtype == np.float32
    assert out.shape == (10, 20, 3)
    exact = np.asarray(picture(200, 100).resize((20, 10), Image.Resampling.BILINEAR)) / 255
    assert np.abs(out - exact).max() <= 4 / 255


def test_scale_maps_black_and_white_onto_its_bounds() -> None:
    image = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    for low, high in [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-2.0, 2.5)]:
        out = Preprocess(1, 2, low, high)(image)
        assert out.dtype == np.float32
        assert np.allclose(out[0, :, 0], [low, high], rtol=1e-6)


def test_a_picture_and_its_array_give_the_same() -> None:
    preprocess = Preprocess(32, 32, 0.0, 1.0)
    assert np.array_equal(preprocess(picture(50, 70)), preprocess(pixels(picture(50, 70))))


def test_the_decoder_is_told_to_leave_room_for_the_resize() -> None:
    assert Preprocess(96, 64, 0.0, 1.0).size_hint == (192, 128)
