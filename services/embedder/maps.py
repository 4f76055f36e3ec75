"""Maps in an answer: which requests for them can be met, found from the catalogue alone.

The states of a text are its map: along one axis, the word pieces, in place of two.

Maps are large: a vector of 320 numbers is the mean over a map of 15,680. So what is asked for at
once is bounded in bytes, on the way out and, over all requests, in memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from graft.channel import MAX_MESSAGE_BYTES
from graft.embedder.v1 import backbone_pb2
from graft.errors import InvalidArgument, ResourceExhausted

MAX_ANSWER_BYTES: Final = MAX_MESSAGE_BYTES // 4
"""The maps of one answer, packed: 16 MiB."""

MAX_STREAMED_BYTES: Final = 1 << 20
"""The maps of one item of a stream, packed; a stream holds stream.WINDOW of them."""

MEMORY_BYTES: Final = 256 << 20
"""The maps of one backbone that are in memory, as float32, whoever asked for them."""

Shapes = Mapping[str, tuple[int, ...]]


def shapes_of(backbone: backbone_pb2.Backbone) -> Shapes:
    """The endpoints that are maps and the shapes of one item's: (height, width, channels), or of
    states (tokens, channels) with the most tokens there can be."""
    shapes = {endpoint.name: tuple(endpoint.shape) for endpoint in backbone.endpoints}
    return {name: shape for name, shape in shapes.items() if len(shape) > 1}


def room(backbone: backbone_pb2.Backbone) -> int:
    """How many items may be inside at once, whatever they ask for: at least one."""
    item = sum(math.prod(shape) for shape in shapes_of(backbone).values()) * 4
    return max(1, MEMORY_BYTES // max(1, item))


def check(
    backbone: backbone_pb2.Backbone,
    endpoints: Sequence[str],
    dtype: type[np.floating[Any]],
    *,
    items: int,
    most_bytes: int = MAX_ANSWER_BYTES,
) -> None:
    """Raises InvalidArgument naming an endpoint that has no map, ResourceExhausted for too much."""
    shapes = shapes_of(backbone)
    for index, name in enumerate(endpoints):
        if name not in shapes:
            known = ", ".join(sorted(shapes)) or "none"
            text = f"maps need spatial endpoints; those of {backbone.name} are: {known}"
            raise InvalidArgument(f"{text}; got {name!r}", field=f"endpoints[{index}]")
    if items > (most_items := room(backbone)):
        raise _too_large(most_items, "items", items)
    size = items * sum(math.prod(shapes[name]) for name in endpoints) * np.dtype(dtype).itemsize
    if size > most_bytes:
        raise _too_large(most_bytes, "bytes", size)


def _too_large(limit: int, unit: str, received: int) -> ResourceExhausted:
    return ResourceExhausted(
        f"the maps of one answer may be {limit} {unit}; ask for fewer items, fewer endpoints or"
        f" half precision; got {received}",
        reason="REQUEST_TOO_LARGE",
        field="items",
        metadata={"limit": str(limit), "unit": unit},
    )
