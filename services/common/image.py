"""Decoding of image files: the one decoder that imports are checked with and that serves.

`decode` reads JPEG, PNG, WebP, GIF, BMP and TIFF and answers RGB as a person would see it:

- the EXIF orientation is applied;
- grey, palette, CMYK and 16-bit grey become 8-bit RGB (16 bits keep their upper byte);
- transparency is composited on white;
- of an animation or a multi-page file the first picture is taken.

Bounds on bytes and pixels are checked before any pixel is decoded.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Importing the two plugins that Pillow does not preload spares the first request its full scan.
from PIL import Image, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from graft.errors import InvalidArgument, ResourceExhausted

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_PRELOADED = (TiffImagePlugin, WebPImagePlugin)

# Pillow itself refuses more than twice its warning threshold, whatever we allow.
MAX_PIXELS_SUPPORTED = 89_478_485

_JPEG = b"\xff\xd8"
_SCAN = b"\xff\xda"
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_EIGHT_BIT = ("1", "L", "P", "RGB", "RGBX", "YCbCr", "CMYK")

# What Pillow's readers raise on files that are damaged or lie about themselves.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    AssertionError,
    struct.error,
    zlib.error,
)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest image that is decoded, in bytes of the file and in pixels (width x height)."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000

    def __post_init__(self) -> None:
        if not 0 < self.max_pixels <= MAX_PIXELS_SUPPORTED:
            wanted = f"max_pixels must be 1 to {MAX_PIXELS_SUPPORTED}"
            raise InvalidArgument(f"{wanted}; got {self.max_pixels}", field="max_pixels")
        if self.max_bytes <= 0:
            raise InvalidArgument(f"max_bytes must be positive; got {self.max_bytes}")


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of an image file says, before any pixel is decoded.

    Width and height are as displayed, the EXIF orientation applied. `frames` is 1 for a still and
    2 for anything with more pictures: counting them all would mean reading the whole file.
    """

    format: str
    width: int
    height: int
    frames: int


DEFAULT_LIMITS = ImageLimits()

MAX_SCANS: Final = 500
"""Passes over the pixels of one progressive JPEG; encoders make about a dozen. Each costs as much
as a picture, however few bytes it has, so that a small file could take a decoder for hours."""


def inspect(data: bytes, *, limits: ImageLimits = DEFAULT_LIMITS) -> ImageInfo:
    """Reads the header only; raises what `decode` raises for it."""
    with _translated(data, limits), _open(data, limits) as image:
        width, height = image.size
        if image.format != "TIFF" and _orientation(image) >= 5:  # that of a TIFF is upright
            width, height = height, width
        frames = 2 if getattr(image, "is_animated", False) else 1
        return ImageInfo(_format(image), width, height, frames)


def upright_size(
    data: bytes, decoded: Image.Image, *, limits: ImageLimits = DEFAULT_LIMITS
) -> tuple[int, int]:
    """Width and height, upright, of a file of which `decode_picture` answered `decoded`.

    A JPEG may have been decoded smaller; its header tells. Of others the header does not: a PNG may
    carry its orientation behind the pixels.
    """
    if not data.startswith(_JPEG):
        return decoded.size
    info = inspect(data, limits=limits)
    return info.width, info.height


def decode(
    data: bytes, *, limits: ImageLimits = DEFAULT_LIMITS, size_hint: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Decodes one image file to uint8 [H, W, 3], RGB.

    `size_hint` (height, width) says what the picture will be resized to: a JPEG may then be
    decoded at a half, a quarter or an eighth, never below the hint in either direction.

    Raises InvalidArgument (IMAGE_UNDECODABLE) for what is no readable image of these formats, and
    ResourceExhausted (IMAGE_TOO_LARGE) beyond the limits.
    """
    return np.asarray(decode_picture(data, limits=limits, size_hint=size_hint))


def decode_picture(
    data: bytes, *, limits: ImageLimits = DEFAULT_LIMITS, size_hint: tuple[int, int] | None = None
) -> Image.Image:
    """`decode` without the copy into an array: a Pillow image of mode RGB."""
    with _translated(data, limits):
        image = _open(data, limits)
        if size_hint is not None and image.format in ("JPEG", "MPO"):
            side = max(size_hint)  # the picture may still be turned by its orientation
            image.draft(None, (side, side))
        image.load()
        orientation = _orientation(image)  # only now: a PNG may carry it behind the pixels
        rgb = _to_rgb(image)
        return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb


def _open(data: bytes, limits: ImageLimits) -> Image.Image:
    if not data:
        raise _undecodable("an image is empty; send the bytes of a whole file", "0 bytes")
    if len(data) > limits.max_bytes:
        raise _too_large("bytes", limits.max_bytes, "save it smaller", f"{len(data)} bytes")
    # In coded data 0xff is followed by 0 or a restart: what is counted are markers, and previews.
    if data.startswith(_JPEG) and (scans := data.count(_SCAN)) > MAX_SCANS:
        raise _too_large("scans", MAX_SCANS, "save it as a plain JPEG", f"{scans} scans")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > limits.max_pixels:
        got = f"{width} x {height} = {width * height} pixels"
        raise _too_large("pixels", limits.max_pixels, "scale it down", got)
    return image


def _format(image: Image.Image) -> str:
    # A JPEG with a second picture (a depth map, a preview) calls itself MPO.
    return "JPEG" if image.format == "MPO" else str(image.format)


def _orientation(image: Image.Image) -> int:
    """1 to 8 as in EXIF. A TIFF is already upright here: Pillow turns it while loading."""
    value = image.getexif().get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in _SIXTEEN_BIT:
        grey = np.asarray(image).astype(np.uint16, copy=False)
        return Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    if image.mode in _EIGHT_BIT:
        return image.convert("RGB")
    fix = "save it as an 8-bit or 16-bit grey or RGB image"
    raise _undecodable(f"the pixel type of an image is not supported; {fix}", f"mode {image.mode}")


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=image.getchannel("A"))
    return white


@contextmanager
def _translated(data: bytes, limits: ImageLimits) -> Iterator[None]:
    """Turns whatever Pillow raises on bad bytes into one error that says what was received."""
    try:
        yield
    except UnidentifiedImageError as error:
        what = "an item is not an image of a known type; send " + ", ".join(FORMATS)
        raise _undecodable(what, _seen(data)) from error
    except _BOMBS as error:
        raise _too_large(
            "pixels", limits.max_pixels, "scale it down", f"more than {MAX_PIXELS_SUPPORTED}"
        ) from error
    except MemoryError as error:
        what = "an image needs more memory than there is; scale it down"
        raise _undecodable(what, _seen(data)) from error
    except _DAMAGED as error:
        what = f"an image is damaged or cut off ({error}); save or copy it again"
        raise _undecodable(what, _seen(data)) from error


def _seen(data: bytes) -> str:
    return f"{len(data)} bytes that begin with {data[:8].hex(' ')}"


def _undecodable(what: str, received: str) -> InvalidArgument:
    return InvalidArgument(f"{what}; got {received}", reason="IMAGE_UNDECODABLE")


def _too_large(unit: str, limit: int, fix: str, received: str) -> ResourceExhausted:
    return ResourceExhausted(
        f"an image exceeds the limit of {limit} {unit}; {fix}; got {received}",
        reason="IMAGE_TOO_LARGE",
        metadata={"limit": str(limit), "unit": unit},
    )
