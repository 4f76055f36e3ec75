"""The embedder as its `__main__` puts it together, with the bundled backbone and real engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from graft.common.v1 import content_pb2, info_service_pb2, info_service_pb2_grpc
from graft.embedder.v1 import embedder_service_pb2, embedder_service_pb2_grpc
from graft.tensors import from_tensor
from services.common.settings import read_settings
from services.common.store import open_store
from services.embedder.__main__ import Embedder
from services.embedder.backbones import bundled
from tests.support.images import encode, picture
from tests.support.savedmodel import THREADS

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAME = f"backbones/{bundled.NAME}"


class Running:
    """An embedder that listens, and a channel to it."""

    def __init__(self, embedder: Embedder, channel: grpc.aio.Channel) -> None:
        self.embedder = embedder
        self.channel = channel
        self.stub: Any = embedder_service_pb2_grpc.EmbedderServiceStub(channel)

    async def health(self) -> int:
        stub = health_pb2_grpc.HealthStub(self.channel)
        name = "graft.embedder.v1.EmbedderService"
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        return int(answer.status)

    async def embed(self) -> Any:
        image = content_pb2.Content(image=encode(picture(), "PNG"))
        request = embedder_service_pb2.EmbedRequest(backbone=NAME, items=[image])
        return await self.stub.Embed(request, timeout=20)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    environ = {
        "GRAFT_STORE": f"file://{tmp_path / 'store'}",
        "GRAFT_CACHE": str(tmp_path / "cache"),
        "GRAFT_LISTEN": "127.0.0.1:0",
        "GRAFT_CPU_THREADS": str(THREADS),
        "GRAFT_QUEUE_ITEMS": "100",
    }
    settings = read_settings("embedder", environ)
    with open_store(settings.store_url, environ) as store:
        embedder = Embedder(settings, store)
        await embedder.server.start()
        # A plain channel: ours sends nothing to a server that does not serve yet.
        async with grpc.aio.insecure_channel(embedder.server.address) as channel:
            yield Running(embedder, channel)
        await embedder.server.stop(1.0)
        await embedder.drain()


async def test_it_serves_only_when_warm_and_ends_when_its_batcher_has_died(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await running.health() == NOT_SERVING
    await running.embedder.warm()
    await running.embedder.server.health.set(True)
    assert await running.health() == SERVING
    answer = await running.embed()
    assert answer.backbone_digest == bundled.DIGEST
    assert from_tensor(answer.outputs[0].vectors).shape == (1, 384)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug in the policy")

    monkeypatch.setattr("services.embedder.batching.batcher.next_batch", broken)
    with pytest.raises(grpc.RpcError) as caught:
        await running.stub.Embed(
            embedder_service_pb2.EmbedRequest(
                backbone=NAME, items=[content_pb2.Content(image=encode(picture(), "PNG"))]
            ),
            timeout=0.5,
        )
    assert caught.value.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,  # the client tries again, in vain, until its time is up
    )
    await asyncio.wait_for(running.embedder.server.failed.wait(), 10)


async def test_it_publishes_its_limits(running: Running) -> None:
    stub: Any = info_service_pb2_grpc.InfoServiceStub(running.channel)
    info = await stub.GetServerInfo(info_service_pb2.GetServerInfoRequest())
    assert info.service == "embedder"
    assert info.max_items_per_request == 100
    assert (info.max_image_bytes, info.max_image_pixels) == (20 * 1024 * 1024, 50_000_000)
    assert info.max_text_bytes == 1024 * 1024
