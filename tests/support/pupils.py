"""What tests of distilling share: few pictures, and a teacher of a few numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from services.embedder.distill.pictures import MIN_PICTURES, Pictures, Source, prepare
from services.embedder.distill.teacher import Teacher
from tests.support.engines import FakeEngine
from tests.support.images import encode, picture

COUNT = MIN_PICTURES
SIDE = 32
CLASSES = 4


def sources(count: int = COUNT) -> list[Source]:
    """Files whose classes take turns."""
    every = (encode(picture(40, 36, seed=seed), "PNG") for seed in range(count))
    return [Source(data, f"class{number % CLASSES}") for number, data in enumerate(every)]


def pictures(folder: Path) -> Pictures:
    """Prepared in `folder`."""
    return prepare(folder, iter(sources()), COUNT, SIDE)


def plain(colours: list[int], side: int = 8) -> Pictures:
    """One grey picture of each brightness."""
    pixels = np.zeros((len(colours), side, side, 3), np.uint8)
    pixels += np.array(colours, np.uint8)[:, np.newaxis, np.newaxis, np.newaxis]
    return Pictures(pixels, np.full(len(colours), -1), ())


def teacher() -> Teacher:
    """Knows the colours of every part; has no endpoint at stride 16."""
    return Teacher(FakeEngine())
