"""The heat maps of a report: picks examples, asks the embedder for their feature maps, draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from graft import tensors
from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import content_pb2, tensor_pb2
from graft.embedder.v1 import backbone_pb2
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.errors import DataLoss
from graft.model.v1 import evaluation_pb2
from graft.names import BackboneName
from services.common.heads.base import Floats
from services.common.heads.head import Head
from services.trainer.evaluate import heat_maps
from services.trainer.evaluate.heat_maps import Look
from services.trainer.evaluate.proto import Source

ANSWER_BYTES: Final = 8 << 20
"""The maps asked for in one call, in half precision: half of what the embedder answers at most."""
REQUEST_BYTES: Final = MAX_MESSAGE_BYTES // 2

Ask = Callable[[pb.EmbedRequest], pb.EmbedResponse]
"""Calls Embed and waits for an embedder that is starting again."""

Contents = Callable[[Sequence[int]], list[bytes]]
"""Answers the bytes of the items at these positions."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A head over joined endpoints of a backbone. `vectors`: endpoint -> float32 [n, dim], of all n
    examples as the embedder gave them, in the order in which the head joins them.
    """

    backbone: backbone_pb2.Backbone
    vectors: Mapping[str, Floats]
    head: Head


def draw(
    ask: Ask, explained: Explained, looks: Sequence[Look], contents: Contents
) -> list[Floats] | None:
    """One map [rows, columns] a look, 0..1; None where no feature map explains the head's vectors,
    or one example's maps alone are too large to ask for.
    """
    shapes = _shapes(explained)
    each = 2 * sum(math.prod(shape) for shape in shapes.values())
    if not looks or not shapes or each > ANSWER_BYTES:
        return None
    drawn: list[Floats] = []
    for some, images in _calls(looks, contents, ANSWER_BYTES // each):
        vectors = {
            name: rows[[look.item for look in some]] for name, rows in explained.vectors.items()
        }
        maps = heat_maps.explain(vectors, _maps(ask, explained.backbone, shapes, images))
        if maps is None:
            return None
        answers = [look.answer for look in some]
        found = heat_maps.heat(explained.head, list(maps.values()), answers)
        drawn += [heat_maps.shown(one) for one in found]
    return drawn


def fill(
    evaluation: evaluation_pb2.Evaluation,
    looks: Sequence[Look],
    drawn: Sequence[Floats],
    sources: Sequence[Source],
    labels: Sequence[str],
) -> None:
    """Adds the maps to the report; `sources` is indexed by `Look.item`."""
    for look, values in zip(looks, drawn, strict=True):
        evaluation.heat_maps.add(
            path=sources[look.item].path,
            sha256=sources[look.item].sha256,
            truth=labels[look.truth],
            answer=labels[look.answer],
            rows=values.shape[0],
            columns=values.shape[1],
            values=values.ravel().tolist(),
        )


def _shapes(explained: Explained) -> dict[str, tuple[int, ...]]:
    """The feature maps to ask for: those of the endpoints, and for one that has none of its own
    all of its length; empty where some endpoint has neither.
    """
    spatial = {e.name: tuple(e.shape) for e in explained.backbone.endpoints if len(e.shape) == 3}
    wanted: dict[str, tuple[int, ...]] = {}
    for name, rows in explained.vectors.items():
        fitting = {k: shape for k, shape in spatial.items() if shape[2] == rows.shape[1]}
        found = {name: spatial[name]} if name in spatial else fitting
        if not found:
            return {}
        wanted |= found
    return wanted


def _calls(
    looks: Sequence[Look], contents: Contents, most: int
) -> Iterator[tuple[list[Look], list[bytes]]]:
    """Looks and their files, cut so that a request holds `most` and stays within REQUEST_BYTES."""
    some, images = list[Look](), list[bytes]()
    for look in looks:
        (image,) = contents([look.item])
        full = len(some) >= most or sum(map(len, images)) + len(image) > REQUEST_BYTES
        if some and full:
            yield some, images
            some, images = [], []
        some.append(look)
        images.append(image)
    if some:
        yield some, images


def _maps(
    ask: Ask,
    backbone: backbone_pb2.Backbone,
    shapes: Mapping[str, tuple[int, ...]],
    images: Sequence[bytes],
) -> dict[str, Floats]:
    """endpoint -> float32 [n, h, w, channels]."""
    plain = BackboneName.parse(backbone.name).backbone
    request = pb.EmbedRequest(
        backbone=str(BackboneName(plain, backbone.digest)),
        endpoints=list(shapes),
        dtype=tensor_pb2.DATA_TYPE_FLOAT16,
        items=[content_pb2.Content(image=image) for image in images],
        maps=True,
    )
    found = {o.endpoint: tensors.from_tensor(o.vectors) for o in ask(request).outputs}
    for name, shape in shapes.items():
        if name not in found or found[name].shape != (len(images), *shape):
            received = list(found[name].shape) if name in found else "nothing"
            raise DataLoss(
                f"the embedder must answer the maps {[len(images), *shape]} of {name}; upgrade it."
                f" Received: {received}"
            )
    return {name: values.astype(np.float32) for name, values in found.items()}
