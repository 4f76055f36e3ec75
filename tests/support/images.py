"""Small image files made on the spot, of every kind that a user may send."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ORIENTATION = 0x0112


def picture(width: int = 40, height: int = 24, *, seed: int = 0) -> Image.Image:
    """A smooth RGB picture without symmetry, so that a flip or a turn shows."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file of this format."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def turned(image: Image.Image, kind: str, orientation: int, **options: Any) -> bytes:
    """A file whose EXIF says how it is to be turned for display."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encode(image, kind, exif=exif, **options)


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    """uint8 [H, W, 3]."""
    return np.asarray(image.convert("RGB"))


def bomb(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel: few bytes that say they are very many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\0" * (1 + (width + 7) // 8)
    body = zlib.compressobj(9)
    data = b"".join(body.compress(row) for _ in range(min(height, 100))) + body.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(payload))
        + kind
        + payload
        + struct.pack(">I", zlib.crc32(kind + payload))
        for kind, payload in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    )
