"""Whose vectors a job asks for: endpoints of a backbone, of one view of the pictures; and where
they are cached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from graft.channel import MAX_MESSAGE_BYTES
from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition
from graft.names import BackboneName
from services.common import layout
from services.common.store import Store
from services.trainer.search.cuts import MAX_JOINED
from services.trainer.tables import EmbeddingTable

DEFAULT_ENDPOINT: Final = "default"
BATCH_ITEMS: Final = 32
MAPS_BYTES: Final = MAX_MESSAGE_BYTES // 8
"""The maps of one answer: half of what the embedder gives at once."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose vectors: some endpoints of one backbone at one digest, of one view of the pictures.

    With a `side` not the mean of a map is meant but all of it, row by row in one long vector, of
    pictures resized to `side` x `side` pixels."""

    backbone: backbone_pb2.Backbone
    endpoints: tuple[str, ...] = (DEFAULT_ENDPOINT,)
    view: str = ""
    side: int = 0

    @classmethod
    def of(cls, backbone: backbone_pb2.Backbone) -> Source:
        """The endpoints that a search looks at, from early to late, the last layer last."""
        return cls(backbone, worth_cutting(backbone))

    @property
    def pinned(self) -> str:
        """The name with which exactly this content is asked for."""
        plain = BackboneName.parse(self.backbone.name)
        return str(BackboneName(plain.backbone, self.backbone.digest))

    @property
    def table(self) -> str:
        """What tells the tables of this source from those of the same endpoints; a view's name."""
        return f"maps_{self.side}" if self.side else self.view

    @property
    def batch_items(self) -> int:
        """How many items are asked for at once: maps are large."""
        if not self.side:
            return BATCH_ITEMS
        item = 2 * sum(self.dims)
        return max(1, min(BATCH_ITEMS, MAPS_BYTES // item))

    @property
    def dims(self) -> tuple[int, ...]:
        """The length of a vector at each endpoint."""
        known = {endpoint.name: self._dim(endpoint) for endpoint in self.backbone.endpoints}
        missing = [name for name in self.endpoints if name not in known]
        if missing:
            raise FailedPrecondition(
                f"{self.backbone.name} has no endpoint of this name. Received: {missing[0]!r}"
            )
        return tuple(known[name] for name in self.endpoints)

    def _dim(self, endpoint: backbone_pb2.Endpoint) -> int:
        if not self.side:
            return int(endpoint.dim)
        cells = (
            round(self.side * length / own)
            for length, own in zip(endpoint.shape, self.backbone.input_size, strict=False)
        )
        return int(np.prod([*cells, endpoint.dim]))


def worth_cutting(backbone: backbone_pb2.Backbone) -> tuple[str, ...]:
    """The last MAX_JOINED endpoints, ordered as data flows: feature maps from fine to coarse, then
    vectors, `default` last. A map as wide as `default` is taken for the one that it averages."""
    default = next(one for one in backbone.endpoints if one.name == DEFAULT_ENDPOINT)
    rest = [one for one in backbone.endpoints if one.name != DEFAULT_ENDPOINT]
    maps = [one for one in rest if len(one.shape) == 3 and one.dim != default.dim]
    maps.sort(key=lambda one: (-one.shape[0] * one.shape[1], one.name))
    plain = [one for one in rest if len(one.shape) != 3]
    return (*[one.name for one in [*maps, *plain]][-(MAX_JOINED - 1) :], DEFAULT_ENDPOINT)


def caches(store: Store, project: str, source: Source) -> list[EmbeddingTable]:
    """The table of the vectors at each endpoint of a source."""
    digest = source.backbone.digest
    keys = [
        layout.embedding_table(project, digest, name, source.table) for name in source.endpoints
    ]
    return [EmbeddingTable(store, key, dim) for key, dim in zip(keys, source.dims, strict=True)]
