"""The part of the page that shows where the model looks."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from graft.model.v1 import evaluation_pb2 as pb
from services.trainer.report.heat_maps import heat_maps, overlaid
from tests.support.images import encode, picture

JPEG = encode(picture(60, 40, seed=4), "JPEG")
SHA = "ab" * 32


def evaluation(*pairs: tuple[str, str], rows: int = 2) -> pb.Evaluation:
    found = pb.Evaluation()
    for truth, answer in pairs:
        found.heat_maps.add(
            path="a/<1>.jpg",
            sha256=SHA,
            truth=truth,
            answer=answer,
            rows=rows,
            columns=2,
            values=[1, 0, 0, 0],
        )
    return found


def images(page: str) -> list[bytes]:
    return [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)\"", page)]


def test_the_glow_is_where_the_map_is_hot_and_the_rest_is_grey() -> None:
    glowing = overlaid(JPEG, np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]], np.float32))
    assert glowing is not None
    image = Image.open(io.BytesIO(glowing))
    assert image.size == (60, 40)
    colours = np.asarray(image, np.int64)
    warmth = colours[..., 0] - colours[..., 2]
    assert warmth[:8, :12].mean() > 120
    assert abs(warmth[24:, 36:]).mean() < 4


def test_the_hotter_the_warmer() -> None:
    row = np.array([[0, 0.5, 1]], np.float32)
    flat = encode(Image.new("RGB", (90, 30), (128, 128, 128)), "JPEG")
    glowing = overlaid(flat, row)
    assert glowing is not None
    colours = np.asarray(Image.open(io.BytesIO(glowing)), np.int64)
    warmth = (colours[..., 0] - colours[..., 2]).mean(axis=0)
    assert warmth[5] < warmth[45] < warmth[85]


def test_a_picture_that_cannot_be_read_has_no_glow() -> None:
    assert overlaid(b"\xff\xd8 a small picture", np.ones((2, 2), np.float32)) is None
    assert overlaid(JPEG[:200], np.ones((2, 2), np.float32)) is None


def test_each_example_is_shown_plain_and_glowing_with_what_was_said() -> None:
    page = heat_maps(evaluation(("cat", "dog"), ("cat", "cat")), {SHA: JPEG})
    shown = images(page)
    assert len(shown) == 4
    assert shown[0] == shown[2] == JPEG
    assert shown[1] != JPEG
    assert "Is <b>cat</b>, was called <b>dog</b>" in page
    assert "Is <b>cat</b>, and was called so" in page
    assert "add pictures of the thing in other places" in page


def test_names_are_text_and_nothing_is_a_script() -> None:
    page = heat_maps(evaluation(("<script>", '" onload=x')), {SHA: JPEG})
    assert "<script" not in page
    assert "a/&lt;1&gt;.jpg" in page
    assert '" onload' not in page


def test_without_a_thumbnail_or_a_whole_map_the_rest_is_shown() -> None:
    assert images(heat_maps(evaluation(("cat", "dog")), {})) == []
    assert images(heat_maps(evaluation(("cat", "dog"), rows=3), {SHA: JPEG})) == [JPEG]


def test_without_maps_there_is_nothing() -> None:
    assert heat_maps(pb.Evaluation(), {}) == ""
