"""Found things marked on their picture. Needs Pillow, which is imported when it is asked for."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from graft.boxes import Box
from graft.client.detections import Detected, DetectedObject
from graft.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

LEAST_SIDE: Final = 640
"""Pixels of the longer side; a smaller picture is enlarged, so that words can be read on it."""
MAX_NAME: Final = 40
"""Letters of a label; the rest of a longer one is left out."""
COLOURS: Final = (
    *("#f28e2b", "#4aa8ff", "#2fc795", "#e15759", "#c77dff"),
    *("#edc948", "#ff9da7", "#8cd17d", "#76b7b2", "#b07aa1"),
)
"""Of labels in the order in which they are first met; used again from the start."""
_LETTERS: Final = 45  # along the longer side
_LINES: Final = 300  # so many times as thin as the longer side is long


@dataclass
class Palette:
    """Gives each label a colour, the same one each time it is asked."""

    _colours: dict[str, str] = field(default_factory=dict)

    def colour(self, label: str) -> str:
        """The colour of a label, as HTML writes it."""
        return self._colours.setdefault(label, COLOURS[len(self._colours) % len(COLOURS)])


def check_marking() -> None:
    """Raise FailedPrecondition where Pillow is not installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise FailedPrecondition(
            "drawing needs Pillow: pip install 'graft-suite[draw]'. Received: an environment"
            " without it"
        ) from error


def mark(data: bytes, found: Detected, palette: Palette, *, form: str = "PNG") -> bytes:
    """The upright picture of an image file with all objects drawn on it, as a file of the `form`
    PNG, JPEG or WEBP; what is unknown has a dashed line and a question mark.

    Raises InvalidArgument for a file that cannot be read.
    """
    from PIL import ImageDraw

    picture = _opened(data)
    scale = max(1, math.ceil(LEAST_SIDE / max(picture.size)))
    across = scale * picture.width / max(found.width, 1)
    down = scale * picture.height / max(found.height, 1)
    picture = picture.resize((picture.width * scale, picture.height * scale))
    pencil = _Pencil(ImageDraw.Draw(picture), picture.size)
    placed = [(one, one.box.scaled(across, down)) for one in reversed(found.objects)]
    for one, box in placed:
        pencil.outline(box, palette.colour(one.label), dashed=one.unknown)
    for one, box in placed:  # words above lines, those of the most certain above the others
        pencil.write(one, box, palette.colour(one.label))
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


def _opened(data: bytes) -> Image.Image:
    """The picture as it is seen, in RGB on white."""
    from PIL import Image, ImageOps

    try:
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        if picture.mode.startswith("I;16"):
            picture = picture.convert("I").point(lambda value: value / 256).convert("L")
        rgba = picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidArgument(
            f"a picture to draw on cannot be read: {error}. Received: {len(data)} bytes"
        ) from error
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


class _Pencil:
    """Draws on one picture, with lines and letters that suit its size."""

    def __init__(self, draw: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
        from PIL import ImageFont

        self._draw = draw
        self._size = size
        self._line = max(2, round(max(size) / _LINES))
        self._font: Any = ImageFont.load_default(max(14, round(max(size) / _LETTERS)))

    def outline(self, box: Box, colour: str, *, dashed: bool) -> None:
        """The sides of a box."""
        if dashed:
            self._dashed(box, colour)
        else:
            sides = (box.left, box.top, box.right, box.bottom)
            self._draw.rectangle(sides, outline=colour, width=self._line)

    def write(self, one: DetectedObject, box: Box, colour: str) -> None:
        """Label and score on a ground of the colour: above the box, or where there is no room
        within it."""
        name = one.label if len(one.label) <= MAX_NAME else one.label[:MAX_NAME] + "..."
        words = f"{name} {one.score:.2f}{' ?' if one.unknown else ''}"
        left, top, right, bottom = self._draw.textbbox((0, 0), words, font=self._font)
        pad = self._line
        width, height = right - left + 2 * pad, bottom - top + 2 * pad
        x = min(max(box.left, 0.0), max(self._size[0] - width, 0.0))
        y = box.top - height if box.top >= height else max(box.top, 0.0)
        self._draw.rectangle((x, y, x + width, y + height), fill=colour)
        self._draw.text((x + pad - left, y + pad - top), words, fill="#10161d", font=self._font)

    def _dashed(self, box: Box, colour: str) -> None:
        corners = [
            (box.left, box.top),
            (box.right, box.top),
            (box.right, box.bottom),
            (box.left, box.bottom),
        ]
        dash = 5.0 * self._line
        for (x, y), (to_x, to_y) in zip(corners, [*corners[1:], corners[0]], strict=True):
            length = math.hypot(to_x - x, to_y - y)
            for start in range(0, math.ceil(length / dash), 2):
                ends = [min(1.0, at * dash / length) for at in (start, start + 1)]
                line = [(x + (to_x - x) * at, y + (to_y - y) * at) for at in ends]
                self._draw.line(line, fill=colour, width=self._line)
