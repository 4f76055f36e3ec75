"""The pictures of the shared image sets, and copies of them as people make them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from services.common import image
from services.trainer.data.sketch import DECODE_SIZE, draw

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("clothing", "houses", "magnetic_tile", "cat_dog", "cifar10", "omniglot20", "lfw10")
KINDS = ("resized", "recompressed", "cropped", "mirrored")
_FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Picture:
    """One file of a set."""

    path: Path
    label: str

    @property
    def name(self) -> str:
        """Its path within the set."""
        return "/".join(self.path.parts[-3:])

    def opened(self) -> Image.Image:
        """As it is decoded for an embedding."""
        return image.decode_picture(self.path.read_bytes())


def pictures(name: str, *halves: str) -> list[Picture]:
    """All of a set, or of its `train` or `test` half, by path."""
    folders = [SHARED / name / half for half in halves or ("train", "test")]
    files = sorted(path for folder in folders for path in folder.glob("*/*") if path.is_file())
    return [Picture(path, path.parent.name) for path in files]


def copies(picture: Image.Image, rng: np.random.Generator) -> Iterator[bytes]:
    """One JPEG file of each of KINDS: to between half and 1.5 of the size, at quality 30 to 70,
    without the tenth at one side, mirrored."""
    width, height = picture.size
    scale = rng.uniform(0.5, 1.5)
    size = max(8, round(scale * width)), max(8, round(scale * height))
    yield jpeg(picture.resize(size, _FILTERS[rng.integers(len(_FILTERS))]), 92)
    yield jpeg(picture, int(rng.integers(30, 71)))
    box = [0, 0, width, height]
    side = int(rng.integers(4))
    box[side] += round(0.1 * (width, height)[side % 2]) * (1 if side < 2 else -1)
    yield jpeg(picture.crop((box[0], box[1], box[2], box[3])), 92)
    yield jpeg(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 92)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    """The picture as a JPEG file."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def sketch(data: bytes) -> bytes:
    """The sketch that an import draws of a file."""
    return draw(image.decode_picture(data, size_hint=DECODE_SIZE))
