"""What the examples of a data set are called in sentences. Pure."""

from __future__ import annotations

from graft.embedder.v1 import backbone_pb2
from graft.model.v1 import evaluation_pb2 as pb


def noun(data: pb.DataSummary) -> str:
    """`text`, `picture`, or `item` for a picture with a text; with an s it is the plural."""
    if data.modality == backbone_pb2.MODALITY_IMAGE_AND_TEXT:
        return "item"
    return "text" if data.modality == backbone_pb2.MODALITY_TEXT else "picture"
