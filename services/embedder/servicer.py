"""EmbedderService over the pipelines; thin: it parses, calls and packs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from graft.channel import MAX_MESSAGE_BYTES
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2, embedder_service_pb2_grpc
from graft.errors import NotFound
from services.common import metrics
from services.common.admission import BYTES, Admission
from services.common.paging import take_page
from services.embedder import maps, views, wire
from services.embedder.loaded import Backbones
from services.embedder.pipeline import Timings
from services.embedder.sized import sized
from services.embedder.stream import embed_stream

ADMITTED_BYTES: Final = 8 * MAX_MESSAGE_BYTES
"""The contents of all requests inside, whichever backbone they are for: 512 MiB, which are in
memory twice, as the message and as its items."""


class EmbedderServicer(embedder_service_pb2_grpc.EmbedderServiceServicer):
    """Answers for the backbones; `max_items` is the limit published by GetServerInfo."""

    def __init__(self, backbones: Backbones, *, max_items: int) -> None:
        self._backbones = backbones
        self._max_items = max_items
        self._bytes = Admission(ADMITTED_BYTES, BYTES)

    async def Embed(
        self, request: embedder_service_pb2.EmbedRequest, context: Any
    ) -> embedder_service_pb2.EmbedResponse:
        """All or nothing."""
        wire.check_count(request.items, most=self._max_items)
        dtype, view = wire.dtype_of(request.dtype), views.find(request.view)
        endpoints = wire.endpoints_of(request.endpoints)
        name = wire.backbone_of(request.backbone, "backbone")
        backbone = await self._backbones.known(name)
        items = wire.items_of(request.items, backbone)
        if request.maps:
            maps.check(sized(backbone, request.input_size), endpoints, dtype, items=len(items))
        deadline = wire.deadline_of(context)
        holding = self._backbones.hold(name, maps=request.maps, size=request.input_size)
        with self._bytes.admit(sum(map(len, items))):
            async with holding as loaded:
                answer = await loaded.pipeline.embed(items, endpoints, view=view, deadline=deadline)
        _observe(answer.timings)
        return embedder_service_pb2.EmbedResponse(
            outputs=wire.outputs_of(answer.vectors, dtype),
            backbone_digest=loaded.backbone.digest,
            timings=wire.timings_of(answer.timings),
        )

    async def EmbedStream(
        self, request_iterator: AsyncIterator[embedder_service_pb2.EmbedStreamRequest], context: Any
    ) -> AsyncIterator[embedder_service_pb2.EmbedStreamResponse]:
        """Each item on its own."""
        deadline = wire.deadline_of(context)
        answers = embed_stream(self._backbones, request_iterator, self._bytes, deadline=deadline)
        async with aclosing(answers):
            async for response in answers:
                yield response

    async def GetBackbone(
        self, request: embedder_service_pb2.GetBackboneRequest, context: Any
    ) -> embedder_service_pb2.GetBackboneResponse:
        """One entry of the catalogue."""
        backbone = await self._backbones.find(wire.backbone_of(request.name, "name"))
        return embedder_service_pb2.GetBackboneResponse(
            backbone=backbone, engine=self._backbones.engine_of(backbone.digest)
        )

    async def ListBackbones(
        self, request: embedder_service_pb2.ListBackbonesRequest, context: Any
    ) -> embedder_service_pb2.ListBackbonesResponse:
        """A page by name."""
        names, token = take_page(
            await self._backbones.names(),
            lambda name: name,
            size=request.page_size,
            token=request.page_token,
        )
        found = [await self._found(name) for name in names]
        return embedder_service_pb2.ListBackbonesResponse(
            backbones=[backbone for backbone in found if backbone is not None],
            next_page_token=token,
        )

    async def LoadBackbone(
        self, request: embedder_service_pb2.LoadBackboneRequest, context: Any
    ) -> embedder_service_pb2.LoadBackboneResponse:
        """Reads the catalogue anew."""
        loaded = await self._backbones.refresh(wire.backbone_of(request.name, "name"))
        return embedder_service_pb2.LoadBackboneResponse(
            backbone=loaded.backbone, engine=loaded.pipeline.engine.name
        )

    async def _found(self, name: str) -> backbone_pb2.Backbone | None:
        """None for a name whose only import is not finished."""
        try:
            return await self._backbones.find(f"backbones/{name}")
        except NotFound:
            return None


def _observe(timings: Timings) -> None:
    metrics.STAGE_SECONDS.labels("decode").observe(timings.decode_s)
    metrics.STAGE_SECONDS.labels("queue").observe(timings.queue_s)
    metrics.STAGE_SECONDS.labels("device").observe(timings.device_s)
