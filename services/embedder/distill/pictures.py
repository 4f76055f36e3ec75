"""Pictures to learn from, decoded once into one file of pixels that is mapped into memory.

`pixels.npy` is uint8 [N, side, side, 3], `labels.json` the class of each picture, -1 where it has
none. Both are written whole and then named, so that a broken-off preparation leaves nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.errors import GraftError, InvalidArgument, ResourceExhausted
from services.common.image import decode_picture

MAX_PICTURES: Final = 200_000
MIN_PICTURES: Final = 256
"""Fewer than two batches teach nothing that the statistics of a batch would not drown."""

_PIXELS = "pixels.npy"
_LABELS = "labels.json"


@dataclass(frozen=True, slots=True)
class Source:
    """An encoded picture and its class, "" where it has none."""

    content: bytes
    label: str = ""


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures: `pixels` uint8 [N, side, side, 3], `labels` int64 [N] into `classes`."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def side(self) -> int:
        """Pixels a side."""
        return int(self.pixels.shape[1])


def prepare(folder: Path, sources: Iterator[Source], count: int, side: int) -> Pictures:
    """What lies prepared in `folder`, or `count` sources decoded to squares of `side` into it.

    Pictures that cannot be decoded are passed over. Raises InvalidArgument where fewer than
    MIN_PICTURES are left, ResourceExhausted where there are more than MAX_PICTURES.
    """
    if count > MAX_PICTURES:
        text = f"at most {MAX_PICTURES} pictures are learnt from; leave some out"
        raise ResourceExhausted(
            f"{text}; got {count}", metadata={"limit": str(MAX_PICTURES), "unit": "pictures"}
        )
    if not (folder / _LABELS).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder, sources, count, side)
    return prepared(folder)


def prepared(folder: Path) -> Pictures:
    """What `prepare` has left in a folder."""
    about = json.loads((folder / _LABELS).read_text())
    labels = np.array(about["labels"], np.int64)
    pixels = np.load(folder / _PIXELS, mmap_mode="r")[: len(labels)]
    return Pictures(pixels, labels, tuple(about["classes"]))


def _write(folder: Path, sources: Iterator[Source], count: int, side: int) -> None:
    unfinished = folder / f"unfinished-{_PIXELS}"
    out = np.lib.format.open_memmap(unfinished, "w+", np.uint8, (count, side, side, 3))
    labels: list[str] = []
    for source in sources:
        picture = _decoded(source.content, side)
        if picture is not None and len(labels) < count:
            out[len(labels)] = picture
            labels.append(source.label)
    if len(labels) < MIN_PICTURES:
        text = f"a network is taught with at least {MIN_PICTURES} pictures; add some"
        raise InvalidArgument(f"{text}; got {len(labels)} that can be read", field="images")
    out.flush()
    classes = sorted({label for label in labels if label})
    numbers = [classes.index(label) if label else -1 for label in labels]
    unfinished.rename(folder / _PIXELS)
    (folder / _LABELS).write_text(json.dumps({"classes": classes, "labels": numbers}))


def _decoded(content: bytes, side: int) -> NDArray[np.uint8] | None:
    try:
        picture = decode_picture(content, size_hint=(side, side))
    except GraftError:
        return None
    if picture.size != (side, side):
        picture = picture.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture)
