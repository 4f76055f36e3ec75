"""The pictures that benchmarks run on: 10 classes x 25 JPEG files of 300x300 pixels.

Real photographs (the shared set `clothing`) where they lie beside the checkout; else pictures drawn
from a seed, which cost as much to decode and to embed.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SHARED = Path(__file__).resolve().parents[2] / "shared"
BACKBONE = SHARED / "backbones" / "mobilenet_v2_100_224"
SIZE = (300, 300)
CLASSES = 10
QUALITY = 90


def write(folder: Path, *, first: int, per_class: int) -> Path:
    """Write `per_class` pictures of each class, from number `first` on; answer the folder."""
    for label in range(CLASSES):
        target = folder / f"class{label}"
        target.mkdir(parents=True, exist_ok=True)
        for number in range(first, first + per_class):
            (target / f"{number:03d}.jpg").write_bytes(picture(label, number))
    return folder


def picture(label: int, number: int) -> bytes:
    """One JPEG file of 300x300 pixels, the same for the same numbers."""
    photos = _photos()
    image = _photo(photos[label][number]) if photos else _drawing(label, number)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def source() -> str:
    """Say which pictures these are, for the record."""
    return "shared/data/clothing" if _photos() else "drawn"


def _photos() -> list[list[Path]]:
    root = SHARED / "data" / "clothing" / "train"
    if not root.is_dir():
        return []
    classes = sorted(path for path in root.iterdir() if path.is_dir())[:CLASSES]
    return [sorted(path.iterdir()) for path in classes]


def _photo(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)


def _drawing(label: int, number: int) -> Image.Image:
    """Coarse colours of the class with fine noise on top: JPEG data of a photograph's size."""
    colours = np.random.default_rng(label).uniform(0, 255, (6, 6, 3))
    noise = np.random.default_rng([label, number]).normal(0, 25, (*SIZE, 3))
    coarse = np.kron(colours, np.ones((50, 50, 1)))
    return Image.fromarray(np.clip(coarse + noise, 0, 255).astype(np.uint8))
