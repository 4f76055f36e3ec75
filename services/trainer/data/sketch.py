"""The sketch of a picture: so small that a whole data set of them fits into memory.

Near-duplicates and shortcuts are looked for in sketches, so that no file is opened for it again.
The picture is squashed to a square: a copy of another shape has the same sketch, and a place in
the sketch is a place in the picture by its shares of width and height.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.errors import InvalidArgument

SIDE: Final = 32
CHANNELS: Final = 3
SKETCH_BYTES: Final = SIDE * SIDE * CHANNELS
DECODE_SIZE: Final = (2 * SIDE, 2 * SIDE)
"""What a picture is decoded at for its sketch: twice as fine, so that the filter has its fill."""
_GAP: Final = 2.0  # from a far larger picture, whole pixels are averaged down to twice the size

Sketches = NDArray[np.uint8]


def draw(picture: Image.Image) -> bytes:
    """The sketch of a picture of mode RGB: SKETCH_BYTES, row by row, as `stack` reads them."""
    small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=_GAP)
    return small.tobytes()


def stack(drawn: Sequence[bytes]) -> Sketches:
    """Sketches as uint8 [n, SIDE, SIDE, CHANNELS], read-only; InvalidArgument for another size."""
    wrong = next((len(one) for one in drawn if len(one) != SKETCH_BYTES), None)
    if wrong is not None:
        raise InvalidArgument(f"a sketch must have {SKETCH_BYTES} bytes. Received: {wrong} bytes")
    return np.frombuffer(b"".join(drawn), np.uint8).reshape(-1, SIDE, SIDE, CHANNELS)
