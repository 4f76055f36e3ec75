"""EmbedStream over a real channel, with fake engines behind it; and what fits in at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import content_pb2, error_reason_pb2
from graft.embedder.v1 import embedder_service_pb2, embedder_service_pb2_grpc
from graft.errors import GraftError
from graft.status import from_rpc_error
from graft.tensors import from_tensor
from services.common.admission import BYTES, Admission
from services.common.image import decode
from services.embedder import servicer as servicer_module
from services.embedder import stream as stream_module
from services.embedder.preprocess import Preprocess
from tests.support.embedder_service import TINY, Service
from tests.support.engines import SIDE, FakeEngine
from tests.support.images import encode, picture
from tests.support.waiting import until

PREPROCESS = Preprocess(SIDE, SIDE, 0.0, 1.0)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    made = Service(tmp_path)
    await made.start()
    yield made
    await made.stop()


def image(seed: int) -> content_pb2.Content:
    return content_pb2.Content(image=encode(picture(50, 40, seed=seed), "PNG"))


def expected(content: content_pb2.Content, endpoint: str = "default") -> np.ndarray:
    batch = PREPROCESS(decode(content.image))[None]
    return np.asarray(FakeEngine().run(batch, (endpoint,))[endpoint][0])


async def refusal(call: Any) -> GraftError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return from_rpc_error(caught.value, target="embedder")


async def requests(
    *contents: content_pb2.Content, **first: Any
) -> AsyncIterator[embedder_service_pb2.EmbedStreamRequest]:
    for number, content in enumerate(contents):
        head = {"backbone": TINY, **first} if number == 0 else {}
        yield embedder_service_pb2.EmbedStreamRequest(id=number + 100, item=content, **head)


async def test_a_stream_answers_every_item_with_its_number(service: Service) -> None:
    items = [image(seed) for seed in range(60)]
    items[7] = content_pb2.Content(image=b"bad")
    items[9] = content_pb2.Content(text="cat")
    call = service.stub.EmbedStream(requests(*items, endpoints=["map"]), timeout=30)
    answers = {answer.id: answer async for answer in call}
    assert sorted(answers) == list(range(100, 160))
    reasons = {
        number - 100: error_reason_pb2.ErrorReason.Name(answer.problem.reason)
        for number, answer in answers.items()
        if answer.HasField("problem")
    }
    assert reasons == {
        7: "ERROR_REASON_IMAGE_UNDECODABLE",
        9: "ERROR_REASON_MODALITY_MISMATCH",
    }
    for number, content in enumerate(items):
        if number not in reasons:
            (output,) = answers[number + 100].outputs
            assert list(output.vectors.shape) == [8]
            assert np.allclose(from_tensor(output.vectors), expected(content, "map"), atol=1e-5)


async def test_an_empty_stream_ends(service: Service) -> None:
    assert [answer async for answer in service.stub.EmbedStream(requests(), timeout=10)] == []


async def test_a_stream_for_no_backbone_fails_as_a_whole(service: Service) -> None:
    call = service.stub.EmbedStream(requests(image(0), backbone="backbones/none"), timeout=10)
    with pytest.raises(grpc.RpcError) as caught:
        [answer async for answer in call]
    assert from_rpc_error(caught.value, target="").code == "NOT_FOUND"


async def test_a_stream_is_read_no_further_than_its_window(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "WINDOW", 4)
    await service.embed(image(0))
    service.engine.gate = gate = threading.Event()
    read = 0

    async def counted() -> AsyncIterator[embedder_service_pb2.EmbedStreamRequest]:
        nonlocal read
        async for request in requests(*[image(0)] * 30):
            read += 1
            yield request

    loaded = await service.backbones.get(TINY)
    room = Admission(MAX_MESSAGE_BYTES, BYTES)
    answers = stream_module.embed_stream(service.backbones, counted(), room, deadline=None)
    first = asyncio.ensure_future(anext(answers))
    await until(lambda: loaded.pipeline.inside == 4)
    assert read <= 5  # four at work and one in hand
    gate.set()
    assert (await first).id in range(100, 104)  # whichever was done first
    await answers.aclose()
    assert loaded.pipeline.inside == 0


async def test_a_stream_is_read_no_further_than_the_bytes_of_its_window(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = image(0).ByteSize()
    monkeypatch.setattr(stream_module, "WINDOW_BYTES", 3 * size + 1)
    await service.embed(image(0))
    service.engine.gate = gate = threading.Event()
    large = content_pb2.Content(image=image(0).image + bytes(4 * size))  # it fits alone
    call = service.stub.EmbedStream(requests(*[image(0)] * 9, large, image(0)), timeout=30)
    loaded = await service.backbones.get(TINY)
    await until(lambda: loaded.pipeline.inside == 3)
    await asyncio.sleep(0.05)
    assert loaded.pipeline.inside == 3
    gate.set()
    assert sorted([each.id async for each in call]) == list(range(100, 111))


async def test_requests_are_bounded_by_their_bytes_and_streams_wait_for_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(image(0).image)
    monkeypatch.setattr(servicer_module, "ADMITTED_BYTES", 4 * size)
    service = Service(tmp_path)
    await service.start()
    service.engine.gate = gate = threading.Event()
    first = asyncio.ensure_future(service.embed(*[image(0)] * 3))
    await until(lambda: service.engine.batches)
    async with grpc.aio.insecure_channel(
        service.server.address, options=[("grpc.enable_retries", 0)]
    ) as channel:
        stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
        asked = embedder_service_pb2.EmbedRequest(backbone=TINY, items=[image(0)] * 2)
        error = await refusal(stub.Embed(asked, timeout=20))
    assert (error.reason, error.retry_after_s is None) == ("OVERLOADED", False)
    assert (error.metadata["limit"], error.metadata["unit"]) == (str(4 * size), "bytes")
    call = service.stub.EmbedStream(requests(*[image(0)] * 6), timeout=30)
    pipeline = (await service.backbones.get(TINY)).pipeline
    await until(lambda: pipeline.inside == 4)
    await asyncio.sleep(0.05)
    assert pipeline.inside == 4
    gate.set()
    assert len((await first).outputs) == 1
    assert len([each async for each in call]) == 6
    await service.stop()


async def test_a_stream_that_is_cancelled_gives_everything_back(service: Service) -> None:
    service.engine.gate = gate = threading.Event()
    call = service.stub.EmbedStream(requests(*[image(0)] * 30), timeout=30)
    await until(lambda: service.engine.batches)
    call.cancel()
    gate.set()
    pipeline = (await service.backbones.get(TINY)).pipeline
    await until(lambda: pipeline.inside == 0)
