"""Small pictures for the report."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from graft.errors import GraftError
from services.common import image

SIDE: Final = 112
_QUALITY: Final = 75


def thumbnail(data: bytes) -> bytes:
    """A JPEG of at most SIDE x SIDE pixels of an image file; empty where it cannot be read."""
    try:
        picture = image.decode_picture(data, size_hint=(SIDE, SIDE))
    except GraftError:
        return b""
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
