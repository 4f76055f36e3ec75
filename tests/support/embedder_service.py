"""The real EmbedderService on a port of its own, with fake engines behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graft.channel import open_channel
from graft.common.v1 import content_pb2, info_service_pb2
from graft.embedder.v1 import (
    backbone_pb2,
    embedder_service_pb2,
    embedder_service_pb2_grpc,
)
from services.common import server
from services.common.store import open_store
from services.embedder.engines.base import Engine
from services.embedder.loaded import Backbones
from services.embedder.pipeline import Workshop
from services.embedder.servicer import EmbedderServicer
from tests.support.catalogue import enter
from tests.support.engines import FakeEngine

MAX_ITEMS = 20
TINY = "backbones/tiny"


class Service:
    """A listening server with a stub to it."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(f"file://{folder}", {})
        self.backbone = enter(self.store, "tiny")
        self.engine = FakeEngine()
        self.workshop = Workshop(threads=2)
        self.backbones = Backbones(
            self.store,
            self._load,
            self.workshop,
            queue_items=40,
            max_loaded=8,
            on_death=lambda: None,
        )
        self.server = server.Server(
            listen="127.0.0.1:0",
            servables=[
                server.Servable(
                    "graft.embedder.v1.EmbedderService",
                    EmbedderServicer(self.backbones, max_items=MAX_ITEMS),
                    embedder_service_pb2_grpc.add_EmbedderServiceServicer_to_server,
                )
            ],
            info=info_service_pb2.GetServerInfoResponse(service="embedder"),
        )

    def _load(self, backbone: backbone_pb2.Backbone, maps: bool) -> Engine:
        return FakeEngine(maps=True) if maps else self.engine

    async def start(self) -> None:
        await self.server.start()
        await self.server.health.set(True)
        self.channel = open_channel(self.server.address)
        self.stub: Any = embedder_service_pb2_grpc.EmbedderServiceStub(self.channel)

    async def stop(self) -> None:
        await self.channel.close()
        await self.server.stop(5.0)
        await self.backbones.close(5.0)
        self.workshop.close()
        self.store.close()

    async def embed(self, *items: content_pb2.Content, **fields: Any) -> Any:
        timeout = fields.pop("timeout", 20)
        request = embedder_service_pb2.EmbedRequest(**{"backbone": TINY, "items": items, **fields})
        return await self.stub.Embed(request, timeout=timeout)
