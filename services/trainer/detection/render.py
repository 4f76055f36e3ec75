"""Views as pictures: what the pure views say, done with pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageEnhance

from services.common.detector.crop import as_file, crop
from services.common.detector.regions import Region
from services.trainer.detection.views import Part, View

Picture = Callable[[int], Image.Image]
"""The decoded picture of a number; it may be smaller than the file says."""

Sizes = Sequence[tuple[int, int]]
"""Width and height of each picture, in which regions are told."""


def render(view: View, side: int, picture: Picture, sizes: Sizes) -> bytes:
    """The view as a file of `side` x `side` pixels."""
    if len(view.parts) == 1:
        return as_file(_shown(view.parts[0], side, side, picture, sizes))
    canvas = Image.new("RGB", (side, side))
    for part in view.parts:
        left, top, right, bottom = (round(n * side) for n in part.place)
        canvas.paste(_shown(part, right - left, bottom - top, picture, sizes), (left, top))
    return as_file(canvas)


def _shown(part: Part, width: int, height: int, picture: Picture, sizes: Sizes) -> Image.Image:
    decoded, region = picture(part.number), part.region
    across, down = (
        have / told for have, told in zip(decoded.size, sizes[part.number], strict=True)
    )
    scaled = Region(
        region.left * across, region.top * down, region.width * across, region.height * down
    )
    shown = crop(decoded, scaled, width, height)
    if part.flip:
        shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    effects = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for effect, factor in zip(effects, part.light, strict=True):
        if factor != 1.0:
            shown = effect(shown).enhance(factor)
    return shown
