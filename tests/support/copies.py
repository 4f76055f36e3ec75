"""Photographs of nothing, and copies of them as people make them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from services.common import image
from services.trainer.data.sketch import DECODE_SIZE, Sketches, draw, stack


def scene(seed: int, *, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Coarse colours, blots and texture: as much alike from seed to seed as photographs are."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    fine = rng.normal(0, 40, (24, 32, 3))
    ground = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.float64)
    parts = [
        Image.fromarray(fine[..., c].astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        for c in range(3)
    ]
    texture = np.stack([np.asarray(part) for part in parts], -1)
    return Image.fromarray(np.clip(ground + texture, 0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    """The picture as a JPEG file."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def copies(picture: Image.Image) -> dict[str, bytes]:
    """Files that show nearly the same, by what was done to it."""
    width, height = picture.size
    tenth = width // 10, height // 10
    return {
        "resized": jpeg(picture.resize((width // 2, height // 2), Image.Resampling.LANCZOS)),
        "enlarged": jpeg(picture.resize((width * 2, height * 2), Image.Resampling.BICUBIC)),
        "recompressed": jpeg(picture, 30),
        "cropped at the left": jpeg(picture.crop((tenth[0], 0, width, height))),
        "cropped at the right": jpeg(picture.crop((0, 0, width - tenth[0], height))),
        "cropped at the top": jpeg(picture.crop((0, tenth[1], width, height))),
        "cropped at the bottom": jpeg(picture.crop((0, 0, width, height - tenth[1]))),
        "cropped all around": jpeg(
            picture.crop(
                (tenth[0] // 2, tenth[1] // 2, width - tenth[0] // 2, height - tenth[1] // 2)
            )
        ),
        "mirrored": jpeg(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    }


def sketches(files: list[bytes]) -> Sketches:
    """Their sketches, drawn as an import does."""
    return stack([draw(image.decode_picture(data, size_hint=DECODE_SIZE)) for data in files])
