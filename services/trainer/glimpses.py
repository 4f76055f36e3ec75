"""What the report shows of an example: a small picture, the beginning of a text, or both."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from graft.errors import GraftError
from services.common import image

SIDE: Final = 112
MAX_CHARACTERS: Final = 200
_QUALITY: Final = 75
_MOST_BYTES: Final = 16 * MAX_CHARACTERS  # of a text, looked at: blanks are squeezed

Glimpse = bytes | str | tuple[bytes, str]
"""A JPEG, a text, or both; the first two may be empty, where nothing could be read."""


def thumbnail(data: bytes, side: int = SIDE) -> bytes:
    """A JPEG of at most `side` x `side` pixels of an image file; empty where it cannot be read."""
    try:
        picture = image.decode_picture(data, size_hint=(side, side))
    except GraftError:
        return b""
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def excerpt(data: bytes) -> str:
    """At most MAX_CHARACTERS of a text in UTF-8 and three dots where it goes on; each run of blanks
    and line ends is one blank."""
    squeezed = " ".join(data[:_MOST_BYTES].decode(errors="ignore").split())
    if len(squeezed) <= MAX_CHARACTERS and len(data) <= _MOST_BYTES:
        return squeezed
    return squeezed[:MAX_CHARACTERS].rstrip() + "..."
