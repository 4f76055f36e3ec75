"""EmbedderService for a backbone of texts, with the real engine, over a real channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from graft.channel import open_channel
from graft.common.v1 import content_pb2, info_service_pb2
from graft.content import MAX_TEXT_BYTES
from graft.embedder.v1 import embedder_service_pb2 as pb
from graft.embedder.v1 import embedder_service_pb2_grpc
from graft.errors import GraftError
from graft.status import from_rpc_error
from graft.tensors import from_tensor
from services.common import server
from services.common.backbones.catalogue import Cache
from services.common.store import open_store
from services.embedder.backbones.importer import import_backbone
from services.embedder.engines.base import EngineOptions
from services.embedder.loaded import Backbones
from services.embedder.loading import Loader
from services.embedder.pipeline import Workshop
from services.embedder.servicer import EmbedderServicer
from tests.support.images import encode, picture
from tests.support.text_modules import save_vectors, vector_of

NAME = "backbones/letters"


class Service:
    """A listening embedder whose one backbone counts letters."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(f"file://{folder / 'store'}", {})
        where = str(save_vectors(folder / "module"))
        self.backbone = import_backbone(self.store, where, name="letters")
        loader = Loader(self.store, Cache(folder / "cache", self.store), EngineOptions())
        self.workshop = Workshop(threads=1)
        self.backbones = Backbones(
            self.store,
            loader.load,
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
                    EmbedderServicer(self.backbones, max_items=40),
                    embedder_service_pb2_grpc.add_EmbedderServiceServicer_to_server,
                )
            ],
            info=info_service_pb2.GetServerInfoResponse(service="embedder"),
        )

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

    async def embed(self, *items: content_pb2.Content, timeout: float = 20, **fields: Any) -> Any:
        request = pb.EmbedRequest(backbone=NAME, items=items, **fields)
        return await self.stub.Embed(request, timeout=timeout)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    made = Service(tmp_path)
    await made.start()
    yield made
    await made.stop()


def text(value: str) -> content_pb2.Content:
    return content_pb2.Content(text=value)


IMAGE = content_pb2.Content(image=encode(picture(), "PNG"))


async def refusal(call: Any) -> GraftError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return from_rpc_error(caught.value, target="embedder")


async def test_texts_of_every_length_come_back_in_their_order(service: Service) -> None:
    asked = ["", "abc", "f" * 3000, "naïve café", "\x00\n\t", "a" * MAX_TEXT_BYTES, *"abcdef" * 5]
    answer = await service.embed(*map(text, asked))
    found = from_tensor(answer.outputs[0].vectors)
    assert np.array_equal(found, np.stack([vector_of(each) for each in asked]))
    assert answer.backbone_digest == service.backbone.digest
    assert service.backbone.preprocessing == "text"


async def test_an_image_is_refused_with_the_name_of_what_reads_texts(service: Service) -> None:
    error = await refusal(service.embed(text("abc"), IMAGE))
    assert (error.reason, error.field) == ("MODALITY_MISMATCH", "items[1]")
    assert f"{NAME} reads texts" in error.message
    assert error.message.endswith("got an image")
    assert error.metadata == {"backbone": NAME}


async def test_a_text_beyond_the_bound_is_named(service: Service) -> None:
    error = await refusal(service.embed(text("a"), text("b" * (MAX_TEXT_BYTES + 1))))
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "TEXT_TOO_LARGE")
    assert error.field == "items[1].text"
    assert error.metadata["index"] == "1"


async def test_views_and_maps_are_refused_where_there_are_none(service: Service) -> None:
    error = await refusal(service.embed(text("a"), view="flip"))
    assert "no views" in error.message
    error = await refusal(service.embed(text("a"), endpoints=["default"], maps=True))
    assert error.field == "endpoints[0]"


async def test_a_stream_answers_what_it_can(service: Service) -> None:
    items = [text("abc"), IMAGE, text("b" * (MAX_TEXT_BYTES + 1)), text(""), content_pb2.Content()]
    requests = [pb.EmbedStreamRequest(backbone=NAME, id=n, item=i) for n, i in enumerate(items)]
    answers = {each.id: each async for each in service.stub.EmbedStream(iter(requests), timeout=20)}
    assert sorted(answers) == list(range(5))
    assert {number for number, each in answers.items() if each.HasField("problem")} == {1, 2, 4}
    for number in (0, 3):
        found = from_tensor(answers[number].outputs[0].vectors)
        assert np.array_equal(found, vector_of(items[number].text))
    assert "TEXT_TOO_LARGE" in str(answers[2].problem)


async def test_a_deadline_that_has_passed_costs_no_device_time(service: Service) -> None:
    await service.embed(text("a"))
    error = await refusal(service.embed(*[text("a")] * 40, timeout=0.0))
    assert error.code == "DEADLINE_EXCEEDED"
    answer = await service.embed(text("a"))
    assert from_tensor(answer.outputs[0].vectors).shape == (1, 6)
