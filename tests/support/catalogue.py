"""Entries of the catalogue for tests whose engine is a fake one and needs no files."""

from __future__ import annotations

from graft.embedder.v1 import backbone_pb2
from services.common import layout
from services.common.backbones import record
from services.common.store.base import Store

PREPROCESSING = "rgb|resize(32,32,'bilinear','antialias')|scale(0.0,1.0)"


def enter(
    store: Store, name: str, *, high: float = 1.0, spatial: bool = False
) -> backbone_pb2.Backbone:
    """An entry of the catalogue without files: the fake engine needs none. With `spatial` the
    second endpoint is a feature map.
    """
    backbone = backbone_pb2.Backbone(
        name=f"backbones/{name}",
        modality=backbone_pb2.MODALITY_IMAGE,
        preprocessing=PREPROCESSING.replace("1.0", str(high)),
        endpoints=record.endpoints_of({"default": (6,), name: (8, 8, 8) if spatial else (8,)}),
    )
    backbone.digest = record.digest_of(backbone)
    backbone.import_time.GetCurrentTime()
    prefix = layout.backbone_prefix(record.name_of(backbone))
    store.put(prefix + "backbone.json", record.to_json(backbone))
    return backbone
