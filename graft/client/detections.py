"""What a detector answers to a picture."""

from __future__ import annotations

from dataclasses import dataclass

from graft.boxes import Box
from graft.predictor.v1 import predictor_service_pb2


@dataclass(frozen=True, slots=True)
class DetectedObject:
    """A thing that a picture shows: what it is most probably, how certain it is that such a thing
    is here, and where. `unknown`: it is unlike what the model was trained on."""

    label: str
    score: float
    box: Box
    unknown: bool = False

    @classmethod
    def from_proto(cls, found: predictor_service_pb2.DetectedObject) -> DetectedObject:
        """Read a thing off the wire."""
        return cls(found.label, found.score, Box.from_proto(found.box), found.unknown)


@dataclass(frozen=True, slots=True)
class Detected:
    """The things of a picture of `width` x `height` pixels, most certain first; `doubtful` are
    those that the model is less sure of than its own threshold asks for."""

    objects: tuple[DetectedObject, ...]
    width: int
    height: int
    doubtful: tuple[DetectedObject, ...] = ()

    @classmethod
    def from_proto(cls, detected: predictor_service_pb2.Detected) -> Detected:
        """Read the things of a picture off the wire."""
        objects, doubtful = (
            tuple(map(DetectedObject.from_proto, some))
            for some in (detected.objects, detected.doubtful)
        )
        return cls(objects, detected.width, detected.height, doubtful)
