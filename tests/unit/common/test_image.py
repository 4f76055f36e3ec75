"""Decoding: every kind of file that people send, and every way in which one can be bad."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from graft.errors import GraftError, InvalidArgument, ResourceExhausted
from services.common.image import (
    FORMATS,
    MAX_SCANS,
    ImageLimits,
    decode,
    decode_picture,
    inspect,
    upright_size,
)
from tests.support.images import bomb, encode, picture, pixels, turned

LOSSLESS = {"WEBP": {"lossless": True}}


def close(found: np.ndarray, wanted: np.ndarray, *, within: float) -> bool:
    return found.shape == wanted.shape and bool(
        np.abs(found.astype(int) - wanted.astype(int)).mean() < within
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_becomes_rgb(kind: str) -> None:
    found = decode(encode(picture(), kind, **LOSSLESS.get(kind, {})))
    assert found.dtype == np.uint8
    assert close(found, pixels(picture()), within=6 if kind in ("JPEG", "GIF") else 0.01)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "PNG"), ("1", "PNG"), ("P", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("CMYK", "TIFF"),
     ("YCbCr", "TIFF"), ("L", "TIFF"), ("L", "BMP")],
)  # fmt: skip
def test_every_pixel_type_becomes_rgb(mode: str, kind: str) -> None:
    image = picture().convert(mode)
    assert close(decode(encode(image, kind)), pixels(image), within=6)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_upper_byte(kind: str) -> None:
    values = np.linspace(0, 65535, 24 * 40).astype(np.uint16).reshape(24, 40)
    found = decode(encode(Image.fromarray(values), kind))
    assert np.array_equal(found, np.repeat((values >> 8)[:, :, None], 3, axis=2))


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP")])
def test_transparency_is_composited_on_white(mode: str, kind: str) -> None:
    image = picture().convert(mode)
    half = Image.new("L", image.size, 255)
    half.paste(0, (0, 0, 20, 24))
    image.putalpha(half)
    found = decode(encode(image, kind, **LOSSLESS.get(kind, {})))
    assert (found[:, :20] == 255).all()
    assert np.array_equal(found[:, 20:], pixels(picture().convert(mode[:-1]))[:, 20:])


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_colour_is_white(kind: str) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 10, 10])
    image.putpixel((0, 0), 0)
    found = decode(encode(image, kind, transparency=0))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[1, 1].tolist() == [200, 10, 10]


def test_a_transparent_colour_of_an_rgb_png_is_white() -> None:
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    found = decode(encode(image, "PNG", transparency=(9, 9, 9)))
    assert found.tolist() == [[[1, 2, 3], [255, 255, 255]]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_exif_rotated_equals_rotated(kind: str, orientation: int) -> None:
    options = LOSSLESS.get(kind, {})
    data = turned(picture(), kind, orientation, **options)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(decode(encode(picture(), kind, **options)))
    stored.info["exif"] = exif.tobytes()
    assert np.array_equal(decode(data), np.asarray(ImageOps.exif_transpose(stored)))


def test_an_orientation_that_is_none_is_ignored() -> None:
    assert decode(turned(picture(), "JPEG", 99)).shape == (24, 40, 3)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_picture_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert inspect(data).frames == 2
    assert close(decode(data), pixels(frames[0]), within=2)


def test_a_size_hint_shrinks_a_jpeg_but_never_below_it() -> None:
    data = encode(picture(1000, 600), "JPEG")
    assert decode(data).shape == (600, 1000, 3)
    assert decode(data, size_hint=(200, 200)).shape == (300, 500, 3)
    assert decode(data, size_hint=(600, 600)).shape == (600, 1000, 3)
    tall = turned(picture(1000, 600), "JPEG", 6)
    assert decode(tall, size_hint=(100, 500)).shape == (1000, 600, 3)


def test_inspect_tells_what_the_header_says() -> None:
    info = inspect(turned(picture(40, 24), "JPEG", 6))
    assert (info.format, info.width, info.height, info.frames) == ("JPEG", 24, 40, 1)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_inspect_tells_the_size_upright(kind: str, orientation: int) -> None:
    data = turned(picture(50, 30), kind, orientation)
    height, width, _ = decode(data).shape
    info = inspect(data)
    assert (info.width, info.height) == (width, height)


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded() -> None:
    data = encode(picture(60, 40), "JPEG", progressive=True)
    assert decode(data).shape == (40, 60, 3)
    last = data.rindex(b"\xff\xda")
    scan = data[last : data.rindex(b"\xff\xd9")]
    bomb = data[:last] + scan * MAX_SCANS + b"\xff\xd9"
    for call in (decode, inspect):
        with pytest.raises(ResourceExhausted, match=r"limit of 500 scans; save it as a plain JPEG"):
            call(bomb)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_file_that_was_cut_off_is_undecodable(kind: str, share: float) -> None:
    data = encode(picture(200, 200), kind)
    with pytest.raises(InvalidArgument) as caught:
        decode(data[: int(len(data) * share)])
    assert caught.value.reason == "IMAGE_UNDECODABLE"


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"hello, world", b"%PDF-1.7", b"<svg/>", b"\xff\xd8\xff\xe0", bytes(99)],
    ids=["empty", "head", "text", "pdf", "svg", "jpeg head", "zeros"],
)  # fmt: skip
def test_what_is_no_image_is_undecodable_and_the_text_ends_with_what_came(data: bytes) -> None:
    for read in (decode, inspect):
        with pytest.raises(InvalidArgument, match=f"got {len(data)} bytes") as caught:
            read(data)
        assert caught.value.reason == "IMAGE_UNDECODABLE"


def test_a_type_that_is_not_listed_is_refused_though_pillow_reads_it() -> None:
    with pytest.raises(InvalidArgument, match="send JPEG, PNG"):
        decode(encode(picture(), "PPM"))


def test_floating_point_pixels_are_refused_with_the_fix() -> None:
    image = Image.fromarray(np.ones((4, 4), np.float32))
    with pytest.raises(InvalidArgument, match=r"save it as .* got mode F"):
        decode(encode(image, "TIFF"))


def test_too_many_bytes_are_refused_before_anything_is_read() -> None:
    with pytest.raises(ResourceExhausted, match=r"limit of 10 bytes.* got 11 bytes") as caught:
        decode(b"not an image"[:11], limits=ImageLimits(max_bytes=10))
    assert caught.value.reason == "IMAGE_TOO_LARGE"
    assert caught.value.metadata == {"limit": "10", "unit": "bytes"}


@pytest.mark.parametrize("side", [8_000, 11_000, 30_000, 60_000])
@pytest.mark.parametrize("strict", [True, False])
def test_a_pixel_bomb_is_refused_by_its_header(side: int, strict: bool) -> None:
    data = bomb(side, side)
    assert len(data) < 5_000
    with warnings.catch_warnings():
        warnings.simplefilter("error" if strict else "ignore")
        for read in (decode, inspect):
            with pytest.raises(ResourceExhausted, match=r"pixels; scale it down") as caught:
                read(data)
            assert caught.value.reason == "IMAGE_TOO_LARGE"


def test_the_pixel_limit_itself_is_allowed() -> None:
    data = encode(picture(40, 24), "PNG")
    assert decode(data, limits=ImageLimits(max_pixels=960)).shape == (24, 40, 3)
    with pytest.raises(ResourceExhausted, match="40 x 24 = 960 pixels"):
        decode(data, limits=ImageLimits(max_pixels=959))


@pytest.mark.parametrize("limits", [{"max_pixels": 0}, {"max_pixels": 10**9}, {"max_bytes": 0}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match="got"):
        ImageLimits(**limits)


FILES = [encode(picture(), kind) for kind in FORMATS] + [
    encode(picture().convert("P"), "PNG", transparency=0),
    turned(picture(), "JPEG", 6),
    encode(picture().convert("CMYK"), "TIFF", compression="tiff_lzw"),
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.sampled_from(FILES),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_files_give_an_image_or_an_error_of_ours(
    data: bytes, changes: list[tuple[float, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd metadata that it then skips
        outcome = decoded_or_refused(bytes(damaged))
    assert outcome in ("RGB", "IMAGE_UNDECODABLE", "IMAGE_TOO_LARGE")


def decoded_or_refused(data: bytes) -> str:
    try:
        found = decode(data, limits=ImageLimits(max_pixels=1_000_000))
    except GraftError as error:
        return error.reason
    return "RGB" if found.ndim == 3 and found.shape[2] == 3 else f"shape {found.shape}"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_upright_size_is_that_of_the_decoded_picture(kind: str, orientation: int) -> None:
    data = turned(picture(50, 30), kind, orientation)
    height, width, _ = decode(data).shape
    small = decode_picture(data, size_hint=(8, 8))
    assert upright_size(data, small) == (width, height)
