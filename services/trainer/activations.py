"""The feature maps of a data set at one endpoint, in several views, for the tail behind it.

The states of a text are its map: as many as it has tokens, where a picture has rows and columns.

They are large and wanted once, so that they stay in memory and are not cached in the store.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graft import tensors
from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import tensor_pb2
from graft.embedder.v1 import backbone_pb2
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.errors import DataLoss
from services.common.backbones.record import name_of
from services.trainer.embeddings import content_of

ANSWER_BYTES: Final = 8 << 20
"""The maps asked for in one call, in half precision: half of what the embedder answers at most."""
REQUEST_BYTES: Final = MAX_MESSAGE_BYTES // 2
READ_ITEMS: Final = 16
"""Files read from the data set at once: up to 20 MiB each."""

Ask = Callable[[pb.EmbedRequest], pb.EmbedResponse]
"""Calls Embed and waits for an embedder that is starting again."""

Contents = Callable[[Sequence[int]], list[bytes]]
"""Answers the bytes of the items at these positions."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The maps of one endpoint of one backbone in these views, the untouched one ("") first."""

    backbone: backbone_pb2.Backbone
    endpoint: str
    views: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one item's map: (height, width, channels), or (most tokens, channels)."""
        shapes = {each.name: tuple(each.shape) for each in self.backbone.endpoints}
        return shapes[self.endpoint]

    def nbytes(self, items: int) -> int:
        """What the maps of so many items take, in half precision."""
        return 2 * items * len(self.views) * math.prod(self.shape)


def fetch(
    ask: Ask,
    wanted: Wanted,
    contents: Contents,
    items: int,
    tick: Callable[[], None] = lambda: None,
) -> NDArray[np.float16]:
    """The maps float16 [views, items, h, w, c]; `tick` is called between calls and may raise.

    Of texts they are [views, items, tokens, c] with the tokens of the longest, 0 behind the others.
    Raises what the embedder says, DataLoss when it answers other shapes than it stated.
    """
    found = np.zeros((len(wanted.views), items, *wanted.shape), np.float16)
    longest = 1
    at_once = max(1, ANSWER_BYTES // (2 * math.prod(wanted.shape)))
    for start in range(0, items, READ_ITEMS):
        some = range(start, min(start + READ_ITEMS, items))
        for positions, images in _parts(list(some), contents(list(some)), at_once):
            for number, view in enumerate(wanted.views):
                tick()
                maps = _maps(ask, wanted, view, images)
                found[number, positions, : maps.shape[1]] = maps
                longest = max(longest, maps.shape[1])
    return found[:, :, :longest]


def _parts(
    positions: list[int], images: list[bytes], at_once: int
) -> list[tuple[list[int], list[bytes]]]:
    """Cut so that neither request nor answer is too large."""
    parts: list[tuple[list[int], list[bytes]]] = []
    size = 0
    for position, image in zip(positions, images, strict=True):
        full = not parts or len(parts[-1][0]) >= at_once or size + len(image) > REQUEST_BYTES
        if full:
            parts.append(([], []))
            size = 0
        parts[-1][0].append(position)
        parts[-1][1].append(image)
        size += len(image)
    return parts


def _maps(ask: Ask, wanted: Wanted, view: str, images: list[bytes]) -> NDArray[np.float16]:
    request = pb.EmbedRequest(
        backbone=str(name_of(wanted.backbone)),
        endpoints=[wanted.endpoint],
        dtype=tensor_pb2.DATA_TYPE_FLOAT16,
        items=[content_of(wanted.backbone, image) for image in images],
        view=view,
        maps=True,
    )
    maps = tensors.from_tensor(ask(request).outputs[0].vectors)
    stated = (len(images), *wanted.shape)
    if len(stated) == 3 and maps.ndim == 3:  # the longest text of the call says how many tokens
        stated = (len(images), min(maps.shape[1], wanted.shape[0]), wanted.shape[1])
    if maps.shape != stated:
        raise DataLoss(
            f"the embedder must answer the maps {[len(images), *wanted.shape]} of"
            f" {wanted.endpoint}; upgrade it. Received: {list(maps.shape)}"
        )
    return maps
