"""Views of a picture: it mirrored, parts of it, it in other light.

A view is applied to the decoded picture, before the resize. Its name is part of an embedding's
identity, so what a name stands for never changes: another view gets another name.

The decoder leaves a picture at least preprocess.REDUCING_GAP times the wanted size, so that the
smallest part taken here is still larger than what it is resized to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PIL import Image, ImageEnhance

from graft.errors import InvalidArgument

View = Callable[[Image.Image], Image.Image]
"""RGB -> RGB, the same for the same picture; leaves the one given as it was."""

_BRIGHTER = 1.3
_LESS_COLOUR = 0.7


def _as_it_is(picture: Image.Image) -> Image.Image:
    return picture


def _flip(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _centre(picture: Image.Image) -> Image.Image:
    return _part(picture, 1, 9)


def _top_left(picture: Image.Image) -> Image.Image:
    return _part(picture, 0, 8)


def _bottom_right_flip(picture: Image.Image) -> Image.Image:
    return _flip(_part(picture, 2, 10))


def _bright(picture: Image.Image) -> Image.Image:
    brighter = ImageEnhance.Brightness(picture).enhance(_BRIGHTER)
    return ImageEnhance.Color(brighter).enhance(_LESS_COLOUR)


def _part(picture: Image.Image, low: int, high: int) -> Image.Image:
    """From `low` tenths to `high` tenths of each side, in whole pixels, at least one."""
    (left, right), (top, bottom) = (_span(side, low, high) for side in picture.size)
    return picture.crop((left, top, right, bottom))


def _span(side: int, low: int, high: int) -> tuple[int, int]:
    start = side * low // 10
    return start, max(start + 1, side * high // 10)


VIEWS: Final[dict[str, View]] = {
    "flip": _flip,
    "centre": _centre,
    "top_left": _top_left,
    "bottom_right_flip": _bottom_right_flip,
    "bright": _bright,
}
"""By name; the empty name stands for the picture as it is."""


def find(name: str) -> View:
    """The view of this name. Raises InvalidArgument naming those that there are."""
    if not name:
        return _as_it_is
    if name not in VIEWS:
        text = f"view must be empty or one of {', '.join(VIEWS)}"
        raise InvalidArgument(f"{text}; got {name!r}", field="view")
    return VIEWS[name]


AS_IT_IS: Final = find("")
