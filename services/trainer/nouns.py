"""What the examples of a data set are called in sentences. Pure."""

from __future__ import annotations

from graft.embedder.v1 import backbone_pb2
from graft.model.v1 import evaluation_pb2 as pb


def noun(data: pb.DataSummary) -> str:
    """`text`, or `picture`; with an s it is the plural."""
    return "text" if data.modality == backbone_pb2.MODALITY_TEXT else "picture"
