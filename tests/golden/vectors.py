"""Golden vectors of the backbones: the pictures, and how a vector is written down.

`python -m tests.golden.vectors` writes backbones.json anew, on purpose only: after a change that
is meant to change vectors, which gives the backbones new digests too.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.common.image import decode
from services.embedder.backbones import bundled
from services.embedder.backbones.importer import METADATA, Wishes, describe, read_metadata
from services.embedder.engines.base import DEFAULT, EngineOptions
from services.embedder.engines.choose import load_engine
from services.embedder.preprocess import parse
from tests.support.images import encode
from tests.support.savedmodel import THREADS

FILE = Path(__file__).with_name("backbones.json")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "backbones"
HEAD = 8
"""How many of a vector's first elements are kept, beside its norm."""

Golden = dict[str, dict[str, list[float]]]


def folders() -> dict[str, Path]:
    """The backbones that are here, by name; the bundled one always is."""
    found = sorted(SHARED.iterdir()) if SHARED.is_dir() else []
    return {path.name: path for path in found if path.is_dir()} | {bundled.NAME: bundled.FOLDER}


def pictures() -> dict[str, bytes]:
    """Three PNG files by formula: a gradient, rings, a checked board with a disc."""
    y, x = np.mgrid[0:80, 0:112]
    radius = np.hypot(y - 40, x - 56)
    disc, board = radius < 25, (x // 14 + y // 10) % 2 == 0
    planes = {
        "gradient": (x * 2, y * 3, 255 - x - y),
        "rings": (radius * 9 % 256, radius * 4 % 256, 128 + 0 * x),
        "board": (board * 200 + 20, np.where(disc, 240, 60 + board * 90), disc * 180 + 30),
    }
    return {name: _png(channels) for name, channels in planes.items()}


def _png(channels: tuple[NDArray[np.generic], ...]) -> bytes:
    pixels = np.stack(channels, axis=2).astype(np.float64).clip(0, 255).astype(np.uint8)
    return encode(Image.fromarray(pixels), "PNG")


def written(folder: Path, kind: str) -> dict[str, list[float]]:
    """What the engine `kind` makes of the pictures: the norm and the first elements of each."""
    backbone = describe(
        folder, "backbones/golden", str(folder), Wishes(), read_metadata(folder / METADATA)
    )
    height, width = backbone.input_size
    engine = load_engine(
        folder,
        height=height,
        width=width,
        options=EngineOptions(kind=kind, threads=THREADS, max_batch=1),
        name=folder.name,
    )
    assert engine.name == kind
    preprocess = parse(backbone.preprocessing)
    return {
        name: _written(engine.run(preprocess(decode(data))[None], (DEFAULT,))[DEFAULT][0])
        for name, data in pictures().items()
    }


def _written(vector: NDArray[np.float32]) -> list[float]:
    wide = vector.astype(np.float64)
    return [round(float(value), 6) for value in (np.linalg.norm(wide), *wide[:HEAD])]


def main() -> None:
    """Writes the file."""
    golden: Golden = {name: written(path, "tensorflow") for name, path in folders().items()}
    FILE.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
