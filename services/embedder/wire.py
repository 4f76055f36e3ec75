"""Between the embedder's messages and plain values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from google.protobuf import duration_pb2

from graft.common.v1 import content_pb2, tensor_pb2, timing_pb2
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2
from graft.errors import InvalidArgument, ResourceExhausted
from graft.names import BackboneName
from graft.tensors import to_tensor
from services.embedder.engines.base import DEFAULT, Vectors
from services.embedder.pipeline import Timings

MAX_ITEMS = 256
"""The most items in one request; published by GetServerInfo."""

_DTYPES: dict[int, type[np.floating[Any]]] = {
    tensor_pb2.DATA_TYPE_UNSPECIFIED: np.float32,
    tensor_pb2.DATA_TYPE_FLOAT32: np.float32,
    tensor_pb2.DATA_TYPE_FLOAT16: np.float16,
}

_Kind = Literal["image", "text"]
_KINDS: dict[int, _Kind] = {
    backbone_pb2.MODALITY_IMAGE: "image",
    backbone_pb2.MODALITY_TEXT: "text",
}
_ARTICLES: dict[_Kind, str] = {"image": "an image", "text": "a text"}


def check_count(contents: Sequence[content_pb2.Content], *, most: int) -> None:
    """Raises InvalidArgument for no items, ResourceExhausted for too many."""
    if not contents:
        raise InvalidArgument(f"items must hold 1 to {most} items; got none", field="items")
    if len(contents) > most:
        raise ResourceExhausted(
            f"a request may hold {most} items; split it; got {len(contents)}",
            reason="REQUEST_TOO_LARGE",
            field="items",
            metadata={"limit": str(most), "unit": "items"},
        )


def items_of(
    contents: Sequence[content_pb2.Content], backbone: backbone_pb2.Backbone
) -> list[bytes]:
    """The image files, or the texts in UTF-8, that a backbone reads; the first item that is
    another thing is an error naming it."""
    return [item_of(each, f"items[{index}]", backbone) for index, each in enumerate(contents)]


def item_of(content: content_pb2.Content, field: str, backbone: backbone_pb2.Backbone) -> bytes:
    """The image file, or the text in UTF-8, of one item."""
    found = [kind for kind in _ARTICLES if content.HasField(kind)]
    if not found:
        text = f"{field}: an item must have an image or a text; got an empty item"
        raise InvalidArgument(text, field=field)
    wanted = _KINDS[backbone.modality]
    if found != [wanted]:
        raise InvalidArgument(
            f"{field}: {backbone.name} reads {wanted}s alone; send {wanted}s, or name a backbone or"
            f" a model for what you send; got {' and '.join(_ARTICLES[kind] for kind in found)}",
            reason="MODALITY_MISMATCH",
            field=field,
            metadata={"backbone": backbone.name},
        )
    return content.text.encode() if wanted == "text" else content.image


def backbone_of(name: str, field: str) -> str:
    """The name of a backbone, `backbones/{name}` or with its digest; InvalidArgument names the
    field."""
    try:
        BackboneName.parse(name)
    except InvalidArgument as error:
        error.field = field
        raise
    return name


def endpoints_of(asked: Sequence[str]) -> tuple[str, ...]:
    """The endpoints wanted, each once, in the order asked for; `default` when none is named."""
    return tuple(dict.fromkeys(asked)) or (DEFAULT,)


def dtype_of(asked: int) -> type[np.floating[Any]]:
    """The element type of the answer."""
    if asked not in _DTYPES:
        text = "dtype must be DATA_TYPE_FLOAT32 or DATA_TYPE_FLOAT16"
        raise InvalidArgument(f"{text}; got {asked}", field="dtype")
    return _DTYPES[asked]


def outputs_of(
    vectors: Vectors, dtype: type[np.floating[Any]]
) -> list[embedder_service_pb2.EndpointVectors]:
    """The vectors, or the maps, of each endpoint as one packed tensor."""
    return [
        embedder_service_pb2.EndpointVectors(
            endpoint=name, vectors=to_tensor(rows.astype(dtype, copy=False))
        )
        for name, rows in vectors.items()
    ]


def timings_of(timings: Timings) -> list[timing_pb2.StageTiming]:
    """The three stages."""
    stages = {
        "decode": timings.decode_s,
        "queue": timings.queue_s,
        "device": timings.device_s,
    }
    return [
        timing_pb2.StageTiming(stage=stage, duration=_duration(seconds))
        for stage, seconds in stages.items()
    ]


def _duration(seconds: float) -> duration_pb2.Duration:
    whole, nanos = divmod(int(seconds * 1e9), 1_000_000_000)
    return duration_pb2.Duration(seconds=whole, nanos=nanos)


def deadline_of(context: Any) -> float | None:
    """When the caller stops waiting, on the clock of time.monotonic; None when it never does."""
    remaining = context.time_remaining()
    return None if remaining is None else time.monotonic() + remaining
