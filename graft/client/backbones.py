"""Backbones: the pretrained networks in the store, as the embedder tells them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from graft.client.asking import ask_each
from graft.client.connection import BULK_TIMEOUT_S, Connection
from graft.client.pages import every
from graft.client.times import optional_time
from graft.content import Item
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2
from graft.errors import GraftError
from graft.names import BackboneName
from graft.tensors import from_tensor


def modality_name(modality: backbone_pb2.Modality) -> str:
    """`image` or `text`, of a data set also `image and text`; empty where it is not stated."""
    known = {
        backbone_pb2.MODALITY_IMAGE: "image",
        backbone_pb2.MODALITY_TEXT: "text",
        backbone_pb2.MODALITY_IMAGE_AND_TEXT: "image and text",
    }
    return known.get(modality, "")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One output that a head can be fitted on; `dim` is the length of its vector."""

    name: str
    shape: tuple[int, ...]
    dim: int


@dataclass(frozen=True, slots=True)
class Backbone:
    """A pretrained network; `engine` is empty unless the embedder has told what runs it.

    `trunk` is empty but for what was tuned for one model, the layers after `cut` of that backbone.
    """

    name: str
    digest: str
    modality: str
    input_size: tuple[int, ...]
    preprocessing: str
    endpoints: tuple[Endpoint, ...]
    size_bytes: int
    origin: str
    licence: str
    description: str
    import_time: datetime | None
    engine: str = ""
    trunk: str = ""
    cut: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    @classmethod
    def from_proto(cls, backbone: backbone_pb2.Backbone, engine: str = "") -> Backbone:
        """Read a backbone off the wire."""
        return cls(
            name=backbone.name,
            digest=backbone.digest,
            modality=modality_name(backbone.modality),
            input_size=tuple(backbone.input_size),
            preprocessing=backbone.preprocessing,
            endpoints=tuple(
                Endpoint(one.name, tuple(one.shape), one.dim) for one in backbone.endpoints
            ),
            size_bytes=sum(file.size_bytes for file in backbone.files),
            origin=backbone.origin,
            licence=backbone.licence,
            description=backbone.description,
            import_time=optional_time(backbone, "import_time"),
            engine=engine,
            trunk=backbone.trunk,
            cut=tuple(backbone.cut),
        )


class Backbones:
    """The catalogue; a `backbone` is NAME, or `backbones/NAME` with or without a digest."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self) -> tuple[Backbone, ...]:
        """List the newest import of each name, by name."""
        request = embedder_service_pb2.ListBackbonesRequest()
        found = await every(self._connection, "backbones", "ListBackbones", request, "backbones")
        return tuple(Backbone.from_proto(one) for one in found)

    async def get(self, backbone: str) -> Backbone:
        """Tell one backbone. Raises NotFound."""
        request = embedder_service_pb2.GetBackboneRequest(name=_name(backbone))
        response = await self._connection.call("backbones", "GetBackbone", request)
        return Backbone.from_proto(response.backbone, response.engine)

    async def load(self, backbone: str) -> Backbone:
        """Make the embedder read the catalogue again and warm a backbone; answers when it is."""
        request = embedder_service_pb2.LoadBackboneRequest(name=_name(backbone))
        response = await self._connection.call(
            "backbones", "LoadBackbone", request, timeout_s=BULK_TIMEOUT_S
        )
        return Backbone.from_proto(response.backbone, response.engine)

    async def embed(self, backbone: str, items: Sequence[Item]) -> npt.NDArray[np.float32]:
        """Answer the vector that a backbone makes of each item, [n, dim], of its last layer.

        Raises the error of the first bad item, whose `field` names it; NotFound.
        """
        name = _name(backbone)

        async def send(contents: list[Any]) -> list[Any]:
            request = embedder_service_pb2.EmbedRequest(backbone=name, items=contents)
            response = await self._connection.call_patiently("backbones", "Embed", request)
            return list(from_tensor(response.outputs[0].vectors))

        limits, rows = await self._connection.info("embedder"), []
        async with aclosing(ask_each(items, limits, send)) as answers:
            async for answer in answers:
                if isinstance(answer, GraftError):
                    raise answer
                rows.append(answer)
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)


def _name(backbone: str) -> str:
    text = backbone if backbone.startswith("backbones/") else f"backbones/{backbone}"
    return str(BackboneName.parse(text))
