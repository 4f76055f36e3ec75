"""Detectors: pictures to regions, regions to maps, maps to boxes.

Detectors over one backbone at one input size that look at the same regions share the embedder's
answer. Maps are large, so that regions are asked for a few at a time, and let go when they have
been looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from graft.boxes import Box
from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import content_pb2, timing_pb2
from graft.errors import GraftError, InvalidArgument
from graft.predictor.v1 import predictor_service_pb2 as pb
from services.common.blocking import Bridge
from services.common.detector.crop import as_file, crop
from services.common.detector.detector import Detector, Found
from services.common.detector.merge import merge
from services.common.detector.regions import Region, regions_of
from services.common.heads.base import Floats
from services.common.image import decode_picture, inspect
from services.predictor.embedding import Deadline, Embedder
from services.predictor.parts import Given
from services.predictor.served import Leg, Servable

MAPS_BYTES: Final = 8 << 20
"""The maps that are asked for at once, in float16: half of what the embedder gives."""

MAX_REGIONS: Final = 64
"""Regions that are asked for at once."""

SENT_BYTES: Final = MAX_MESSAGE_BYTES // 2
"""The files of the regions that are sent at once; a single one may be larger."""


@dataclass(frozen=True, slots=True)
class Seeing:
    """A detector and the version that it is of."""

    servable: Servable
    detector: Detector

    @property
    def leg(self) -> Leg:
        """Where its maps come from: one backbone of images."""
        return self.servable.route.legs[0]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A region of the item `number`; `whole` is the picture itself."""

    number: int
    region: Region
    whole: bool


@dataclass(frozen=True, slots=True)
class _Picture:
    width: int
    height: int
    regions: list[Region]


class Lookout:
    """Looks for things with detectors. Owns nothing; `threads` do what takes time."""

    def __init__(self, embedder: Embedder, threads: Bridge) -> None:
        self._embedder = embedder
        self._threads = threads

    async def detect(
        self, asked: Sequence[Seeing], items: Sequence[content_pb2.Content], deadline: Deadline
    ) -> tuple[dict[str, list[pb.Prediction]], list[Sequence[timing_pb2.StageTiming]]]:
        """What each detector finds in each item, by revision, and the embedder's stages.

        Raises InvalidArgument naming an item that is no picture, and what the embedder raises.
        """
        groups: dict[tuple[str, int, float], list[Seeing]] = {}
        for one in asked:
            geometry = one.detector.geometry
            key = (one.leg.backbone, geometry.side, geometry.reach)
            groups.setdefault(key, []).append(one)
        answers: dict[str, list[pb.Prediction]] = {}
        timings: list[Sequence[timing_pb2.StageTiming]] = []
        for group in groups.values():
            answers |= await self._group(group, items, deadline, timings)
        return answers, timings

    async def _group(
        self,
        group: Sequence[Seeing],
        items: Sequence[content_pb2.Content],
        deadline: Deadline,
        timings: list[Sequence[timing_pb2.StageTiming]],
    ) -> dict[str, list[pb.Prediction]]:
        """Detectors that look at the same regions."""
        geometry = group[0].detector.geometry
        pictures = await self._threads.run(_pictures, items, geometry.reach)
        shapes: dict[str, int] = {}  # endpoint -> bytes of one map
        for one in group:
            detector, names = one.detector, one.leg.endpoints
            for name, stride, channels in zip(
                names, detector.geometry.strides, detector.channels, strict=True
            ):
                shapes[name] = 2 * channels * (geometry.side // stride) ** 2
        most = max(1, min(MAX_REGIONS, MAPS_BYTES // sum(shapes.values())))
        found: list[list[list[Found]]] = [[[] for _ in items] for _ in group]
        for some in _chunks(pictures, items, most, 3 * geometry.side**2):
            contents = await self._threads.run(_contents, items, some, geometry.side)
            try:
                embedded = await self._embedder.embed(
                    contents,
                    backbone=group[0].leg.backbone,
                    endpoints=list(shapes),
                    deadline=deadline,
                    side=geometry.side,
                )
            except GraftError as error:
                shown = tuple(piece.number for piece in some)
                raise Given(len(items), shown, contents).named(error) from error
            timings.append(embedded.timings)
            answered = await self._threads.run(_answers, group, embedded.vectors)
            for rows, regions in zip(found, answered, strict=True):
                for piece, region in zip(some, regions, strict=True):
                    rows[piece.number].append(region)
        return await self._threads.run(_predictions, group, found, pictures)


def _pictures(items: Sequence[content_pb2.Content], reach: float) -> list[_Picture]:
    """What the headers of the files say, and the regions that follow."""
    pictures = []
    for number, item in enumerate(items):
        field = f"items[{number}]"
        if not item.HasField("image") or item.HasField("text"):
            text = f"{field}: a detector looks at pictures alone; send an image and no text"
            raise InvalidArgument(text, reason="MODALITY_MISMATCH", field=field)
        try:
            info = inspect(item.image)
        except GraftError as error:
            raise _at(error, number) from error
        regions = regions_of(info.width, info.height, reach)
        pictures.append(_Picture(info.width, info.height, regions))
    return pictures


def _chunks(
    pictures: Sequence[_Picture], items: Sequence[content_pb2.Content], most: int, tile_bytes: int
) -> Iterator[list[_Piece]]:
    """The regions of all pictures, `most` at a time and no more than SENT_BYTES of them."""
    some, size = list[_Piece](), 0
    for number, picture in enumerate(pictures):
        for place, region in enumerate(picture.regions):
            piece = _Piece(number, region, place == 0)
            more = len(items[number].image) if piece.whole else tile_bytes
            if some and (len(some) == most or size + more > SENT_BYTES):
                yield some
                some, size = [], 0
            some.append(piece)
            size += more
    if some:
        yield some


def _contents(
    items: Sequence[content_pb2.Content], pieces: Sequence[_Piece], side: int
) -> list[content_pb2.Content]:
    """Whole pictures go as they came; tiles are cut out of the decoded one."""
    contents, decoded = [], -1
    picture = None
    for piece in pieces:
        if piece.whole:
            contents.append(content_pb2.Content(image=items[piece.number].image))
            continue
        if picture is None or decoded != piece.number:
            try:
                picture, decoded = decode_picture(items[piece.number].image), piece.number
            except GraftError as error:
                raise _at(error, piece.number) from error
        tile = as_file(crop(picture, piece.region, side, side))
        contents.append(content_pb2.Content(image=tile))
    return contents


def _answers(group: Sequence[Seeing], maps: dict[str, Floats]) -> list[list[Found]]:
    return [one.detector.answer([maps[name] for name in one.leg.endpoints]) for one in group]


def _predictions(
    group: Sequence[Seeing], found: list[list[list[Found]]], pictures: Sequence[_Picture]
) -> dict[str, list[pb.Prediction]]:
    return {
        one.servable.revision: [
            _message(one.detector, regions, picture)
            for regions, picture in zip(rows, pictures, strict=True)
        ]
        for one, rows in zip(group, found, strict=True)
    }


def _message(detector: Detector, regions: list[Found], picture: _Picture) -> pb.Prediction:
    found = merge(regions, picture.regions, picture.width, picture.height)
    meant = found.scores >= detector.thresholds[found.labels]
    detected = pb.Detected(
        objects=[_object(detector, found, n) for n in np.flatnonzero(meant).tolist()],
        doubtful=[_object(detector, found, n) for n in np.flatnonzero(~meant).tolist()],
        width=picture.width,
        height=picture.height,
    )
    return pb.Prediction(detected=detected)


def _object(detector: Detector, found: Found, number: int) -> pb.DetectedObject:
    left, top, right, bottom = found.boxes[number].tolist()
    return pb.DetectedObject(
        label=detector.labels[int(found.labels[number])],
        score=float(found.scores[number]),
        box=Box(left, top, right - left, bottom - top).to_proto(),
        unknown=bool(found.unknown[number]),
    )


def _at(error: GraftError, number: int) -> GraftError:
    """The same error, of the item at `number` of the request."""
    return type(error)(
        f"items[{number}]: {error.message}",
        reason=error.reason,
        field=f"items[{number}].image",
        metadata={**error.metadata, "index": str(number)},
        retry_after_s=error.retry_after_s,
    )
