"""A region of a picture, as a file that the embedder takes."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from services.common.detector.regions import Region

OUTSIDE: Final = (124, 116, 104)
"""What is seen beyond the edges of a picture: the mean colour of photographs (ImageNet's)."""

_GAP: Final = 2.0  # as in the embedder's preprocessing


def crop(picture: Image.Image, region: Region, width: int, height: int) -> Image.Image:
    """The region of an RGB picture, resized to `width` x `height` pixels; what lies beyond the
    edges is OUTSIDE."""
    box = (region.left, region.top, region.left + region.width, region.top + region.height)
    if box[0] >= 0 and box[1] >= 0 and box[2] <= picture.width and box[3] <= picture.height:
        size = (width, height)
        return picture.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=_GAP)
    left, top = max(0.0, box[0]), max(0.0, box[1])
    right, bottom = min(float(picture.width), box[2]), min(float(picture.height), box[3])
    canvas = Image.new("RGB", (width, height), OUTSIDE)
    across, down = width / region.width, height / region.height
    at = (round((left - box[0]) * across), round((top - box[1]) * down))
    size = (max(1, round((right - left) * across)), max(1, round((bottom - top) * down)))
    inside = picture.resize(
        size, Image.Resampling.BILINEAR, box=(left, top, right, bottom), reducing_gap=_GAP
    )
    canvas.paste(inside, at)
    return canvas


def as_file(picture: Image.Image) -> bytes:
    """A picture as a BMP: nothing is lost, and nobody waits for a compressor."""
    buffer = io.BytesIO()
    picture.save(buffer, "BMP")
    return buffer.getvalue()
