"""A backbone at another input size: what the catalogue would say of it.

A fully convolutional network takes pictures of any size and answers maps of another size, but the
same vectors' length. Detection wants more pixels than classification does, and asks for them so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from graft.embedder.v1 import backbone_pb2
from graft.errors import InvalidArgument
from services.embedder.preprocess import parse

MIN_SIDE: Final = 32
MAX_SIDE: Final = 1024
"""The smallest and the largest side, in pixels, that a request may ask for."""

STEP: Final = 32
"""Sides are multiples of this, so that the maps of all strides up to 32 lie on one grid."""


def sized(backbone: backbone_pb2.Backbone, asked: Sequence[int]) -> backbone_pb2.Backbone:
    """The backbone with pictures resized to `asked` (height, width); as it is where that is empty.

    Raises InvalidArgument naming the field `input_size`: for sides that are not allowed, texts, and
    tails, whose input is no picture.
    """
    if not asked:
        return backbone
    _check(backbone, asked)
    height, width = asked
    native = parse(backbone.preprocessing)
    if (height, width) == (native.height, native.width):
        return backbone
    made = backbone_pb2.Backbone()
    made.CopyFrom(backbone)
    made.input_size[:] = asked
    made.preprocessing = str(replace(native, height=height, width=width))
    for endpoint in made.endpoints:
        if len(endpoint.shape) == 3:
            rows, columns, _ = endpoint.shape
            endpoint.shape[0] = _scaled(rows, native.height, height)
            endpoint.shape[1] = _scaled(columns, native.width, width)
    return made


def _scaled(cells: int, native: int, side: int) -> int:
    """The cells along a side of a map, found by the stride at the backbone's own size."""
    stride = max(1, round(native / cells))
    return -(-side // stride)


def _check(backbone: backbone_pb2.Backbone, asked: Sequence[int]) -> None:
    sides = len(asked) == 2 and all(MIN_SIDE <= n <= MAX_SIDE and n % STEP == 0 for n in asked)
    if not sides:
        text = f"input_size must be [height, width], multiples of {STEP} from {MIN_SIDE} to"
        raise InvalidArgument(f"{text} {MAX_SIDE}; got {list(asked)}", field="input_size")
    if backbone.modality != backbone_pb2.MODALITY_IMAGE or backbone.trunk:
        what = "is a tuned tail" if backbone.trunk else "reads no images"
        text = f"input_size is for whole backbones of images; {backbone.name} {what}; leave it out"
        raise InvalidArgument(text, field="input_size")
