"""The predictor put together: what stops it at its start, what it waits for, how it ends."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import grpc
import pytest

from graft.common.v1 import content_pb2
from graft.predictor.v1 import predictor_service_pb2 as pb
from graft.predictor.v1 import predictor_service_pb2_grpc
from graft.status import from_rpc_error
from services.common.settings import read_settings
from services.common.store import open_store
from services.predictor.service import Predictor
from tests.support.embedder import FakeEmbedder

ITEM = content_pb2.Content(image=b"x")


async def test_it_waits_for_an_embedder_that_starts_later_and_leaves_no_thread(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    embedder = FakeEmbedder()
    with embedder:
        address = embedder.address
        embedder.stop()
        values = {"GRAFT_LISTEN": "127.0.0.1:0", "GRAFT_EMBEDDER": address}
        predictor = Predictor(read_settings("predictor", values), open_store(str(tmp_path), {}))
        await predictor.server.start()
        warming = asyncio.ensure_future(predictor.warm())
        async with asyncio.timeout(20):
            while "waiting for the embedder" not in caplog.text:
                assert not warming.done()
                await asyncio.wait({warming}, timeout=0.05)
            async with grpc.aio.insecure_channel(predictor.server.address) as channel:
                stub = predictor_service_pb2_grpc.PredictorServiceStub(channel)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await stub.Predict(pb.PredictRequest(model="m", items=[ITEM]), timeout=5)
            early = from_rpc_error(caught.value, target=address)
            assert (early.reason, early.retry_after_s) == ("NOT_SERVING", 1.0)
            await asyncio.to_thread(embedder.start)
            await warming
        await predictor.server.stop(0)
        await predictor.drain()
    ours = ("store", "catalogue", "heads")
    assert not [t.name for t in threading.enumerate() if t.name.startswith(ours)]
    assert address in caplog.text
