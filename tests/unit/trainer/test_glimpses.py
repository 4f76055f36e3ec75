from __future__ import annotations

import io

import pytest
from PIL import Image

from services.trainer.glimpses import MAX_CHARACTERS, SIDE, excerpt, thumbnail
from tests.support.images import encode, picture


@pytest.mark.parametrize(("width", "height"), [(600, 300), (20, 400), (3, 2)])
def test_a_thumbnail_is_a_small_jpeg_of_the_same_shape(width: int, height: int) -> None:
    small = Image.open(io.BytesIO(thumbnail(encode(picture(width, height), "PNG"))))
    assert small.format == "JPEG"
    assert max(small.size) == min(SIDE, max(width, height))
    assert abs(small.width / small.height - width / height) < 1.5


@pytest.mark.parametrize("data", [b"", b"no image", encode(picture(), "PNG")[:60]])
def test_what_cannot_be_read_has_none(data: bytes) -> None:
    assert thumbnail(data) == b""


def test_an_excerpt_is_a_short_text_as_it_is() -> None:
    assert excerpt("  Grüße,\n\n\tWelt \U0001f431 ".encode()) == "Grüße, Welt \U0001f431"


@pytest.mark.parametrize("text", ["日本語" * 400, "word " * 50, "x" * 5_000, " " * 5_000 + "late"])
def test_an_excerpt_of_a_long_text_is_its_beginning(text: str) -> None:
    found = excerpt(text.encode())
    assert found.endswith("...")
    assert text.lstrip().startswith(found[:-3])
    assert len(found) <= MAX_CHARACTERS + 3
