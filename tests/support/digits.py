"""Real pictures that come with a dependency: scikit-learn's handwritten digits as PNG files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from graft.common.v1 import content_pb2
from graft.trainer.v1 import dataset_service_pb2

LABELS = tuple("0123456789")
SIDE = 96


@cache
def _drawings() -> dict[str, list[NDArray[np.float64]]]:
    """By digit, 8x8 values of 0 to 16, always in the same order.

    The order is drawn: the data set goes writer by writer, and the first ones are no fair sample.
    """
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    found: dict[str, list[NDArray[np.float64]]] = {label: [] for label in LABELS}
    for image, target in zip(digits.images[order], digits.target[order], strict=True):
        found[str(target)].append(image)
    return found


@cache
def picture(label: str, number: int, side: int = SIDE) -> bytes:
    """One PNG file of side x side pixels, dark on white; `side` is a multiple of 8."""
    drawing = _drawings()[label][number]
    grey = (255 - drawing * (255 / 16)).astype(np.uint8)
    enlarged = grey.repeat(side // 8, axis=0).repeat(side // 8, axis=1)
    out = io.BytesIO()
    Image.fromarray(enlarged).save(out, "PNG", compress_level=1)
    return out.getvalue()


def beside(*digits: tuple[str, int], places: int = 2) -> bytes:
    """One PNG file with these pictures side by side, white where there are fewer than places."""
    whole = Image.new("L", (SIDE * places, SIDE), 255)
    for place, (label, number) in enumerate(digits):
        whole.paste(Image.open(io.BytesIO(picture(label, number))), (SIDE * place, 0))
    out = io.BytesIO()
    whole.save(out, "PNG", compress_level=1)
    return out.getvalue()


def examples(*, first: int, count: int, side: int = SIDE) -> Iterator[dataset_service_pb2.Example]:
    """`count` examples of each digit, from number `first` on; there are 174 of each at least."""
    for label in LABELS:
        for number in range(first, first + count):
            yield dataset_service_pb2.Example(
                path=f"{label}/{number:03d}.png",
                labels=[label],
                content=content_pb2.Content(image=picture(label, number, side)),
            )
