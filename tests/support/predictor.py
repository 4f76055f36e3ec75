"""A predictor in this process over a real store and a watched embedder, and models to serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from graft.channel import open_channel
from graft.common.v1 import content_pb2, info_service_pb2
from graft.embedder.v1 import backbone_pb2, embedder_service_pb2_grpc
from graft.embedder.v1 import embedder_service_pb2 as embedder_pb
from graft.errors import GraftError
from graft.model.v1 import evaluation_pb2, model_pb2
from graft.names import LIVE, AliasName, ModelName, VersionName
from graft.predictor.v1 import predictor_service_pb2 as pb
from graft.predictor.v1 import predictor_service_pb2_grpc
from services.common import artifacts, telemetry
from services.common.heads.base import Floats
from services.common.heads.blocks import Blocks
from services.common.heads.familiarity import Familiarity
from services.common.heads.linear import LinearHead
from services.common.server import Servable, Server
from services.common.settings import read_settings
from services.common.store import Store
from services.predictor.service import Predictor
from tests.support.embedder import (
    MAX_ITEMS,
    FakeServicer,
    make_backbone,
    make_text_backbone,
    vector_of,
    vector_of_text,
)
from tests.support.images import encode, picture

PROJECT = "projects/default"
DIM = 16
WIDE_DIM = 24
BACKBONE = make_backbone("plain", DIM)
BACKBONE.endpoints.add(name="cut", shape=[DIM], dim=DIM)
BACKBONE.endpoints.add(name="wide", shape=[WIDE_DIM], dim=WIDE_DIM)
OTHER_BACKBONE = make_backbone("other", DIM)
TEXT_BACKBONE = make_text_backbone("texts", WIDE_DIM)
LIMITS = info_service_pb2.GetServerInfoResponse(
    service="embedder",
    max_message_bytes=64 << 20,
    max_items_per_request=MAX_ITEMS,
    max_image_bytes=20 << 20,
    max_image_pixels=50_000_000,
    max_text_bytes=1 << 20,
)


@cache
def png(seed: int = 0) -> bytes:
    """A small image file."""
    return encode(picture(8, 8, seed=seed), "PNG")


def features(*images: bytes, dim: int = DIM) -> Floats:
    """The vectors of these images as the embedder answers them: rounded to float16."""
    return np.stack([vector_of(data, dim) for data in images]).astype("f2").astype("f4")


def features_of_texts(*texts: str) -> Floats:
    """The vectors of these texts as the embedder answers them: rounded to float16."""
    found = [vector_of_text(text.encode(), WIDE_DIM) for text in texts]
    return np.stack(found).astype("f2").astype("f4")


def linear(
    labels: Sequence[str], *, seed: int = 0, dim: int = DIM, blocks: Blocks | None = None
) -> LinearHead:
    """A head with random weights over one endpoint of `dim` numbers, or over `blocks`."""
    blocks = blocks or Blocks.unit(dim)
    weight = np.random.default_rng(seed).normal(size=(blocks.dim, len(labels))).astype(np.float32)
    return LinearHead(labels, weight, np.zeros(len(labels), np.float32), blocks=blocks)


def sure(label: str) -> LinearHead:
    """A head that answers one label whatever it is asked."""
    weight, bias = np.zeros((DIM, 2), np.float32), np.array([9, 0], np.float32)
    return LinearHead((label, "else"), weight, bias, blocks=Blocks.raw(DIM))


def near(known: Floats, *, within: float) -> Familiarity:
    """Flags features whose squared distance from the plane through `known` `[n, d]` is above
    `within`, whatever the head says of them.
    """
    centre = known.mean(axis=0)
    plane = np.linalg.svd(known - centre, full_matrices=False)[2][:2].T
    weighted = Familiarity.of(centre, plane).weighted(
        odds_weight=0.0, distance_weight=1.0, most_odds=1.0
    )
    return weighted.flagging(-within)


def publish(
    store: Store,
    model: str,
    head: LinearHead,
    *,
    live: bool = True,
    backbone: backbone_pb2.Backbone = BACKBONE,
    endpoints: Sequence[str] = ("default",),
    texts: bool = False,
) -> VersionName:
    """Write the next version of a model as the trainer does; point `live` at it. The head has one
    block an endpoint; with `texts` the last one takes what TEXT_BACKBONE makes of the texts.
    """
    name = ModelName("default", model)
    version = artifacts.claim_version(store, name, f"job-{len(artifacts.versions(store, name))}")
    dims = [block.dim for block in head.blocks.blocks]
    manifest = model_pb2.ModelVersion(
        labels=head.labels,
        features=_made_of(backbone, endpoints, dims[: len(endpoints)]),
        text_features=_made_of(TEXT_BACKBONE, ["default"], dims[-1:]) if texts else None,
    )
    draft = artifacts.Draft(manifest, head, evaluation_pb2.Evaluation())
    artifacts.publish(store, version, draft, b"<html>")
    if live:
        point(store, model, version.version)
    return version


def _made_of(
    backbone: backbone_pb2.Backbone, endpoints: Sequence[str], dims: Sequence[int]
) -> model_pb2.Features:
    return model_pb2.Features(
        backbone=backbone.name, backbone_digest=backbone.digest, endpoints=endpoints, dims=dims
    )


def point(store: Store, model: str, version: int, alias: str = LIVE) -> None:
    """Move an alias."""
    artifacts.set_alias(store, AliasName(ModelName("default", model), alias), version)


class Watched(FakeServicer):
    """The fake embedder, noting what it is asked; it holds answers back while `gate` is clear
    and fails, or gives a wrong answer, while `failure` or `answer` is set.
    """

    def __init__(self) -> None:
        super().__init__([BACKBONE, OTHER_BACKBONE, TEXT_BACKBONE])
        self.asked: list[embedder_pb.EmbedRequest] = []
        self.request_ids: list[str] = []
        self.seconds_left: list[float | None] = []
        self.entered, self.left, self.gate = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.cancelled = 0
        self.failure: GraftError | None = None
        self.answer: embedder_pb.EmbedResponse | None = None

    async def Embed(
        self, request: embedder_pb.EmbedRequest, context: Any
    ) -> embedder_pb.EmbedResponse:
        self.asked.append(request)
        self.request_ids.append(telemetry.request_id())
        self.seconds_left.append(context.time_remaining())
        self.entered.set()
        try:
            await self.gate.wait()
            if self.failure is not None:
                raise self.failure
            return self.answer or await super().Embed(request, context)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.left.set()


@asynccontextmanager
async def running_embedder() -> AsyncIterator[tuple[Watched, Server]]:
    """A serving embedder."""
    watched = Watched()
    add = embedder_service_pb2_grpc.add_EmbedderServiceServicer_to_server
    servable = Servable("graft.embedder.v1.EmbedderService", watched, add)
    server = Server(listen="127.0.0.1:0", servables=[servable], info=LIMITS)
    await server.start()
    await server.health.set(True)
    try:
        yield watched, server
    finally:
        watched.gate.set()
        await server.stop(0)


@dataclass
class Running:
    """A serving predictor, a stub that calls it, and the embedder behind it."""

    predictor: Predictor
    stub: Any
    embedder: Watched
    embedder_server: Server

    async def predict(
        self, model: str, *images: bytes, timeout: float = 20.0
    ) -> pb.PredictResponse:
        """Label images; `model` is what follows `projects/default/models/`."""
        answer: pb.PredictResponse = await self.stub.Predict(
            request(model, *images), timeout=timeout
        )
        return answer

    async def label(self, model: str) -> str:
        """The label that a model gives to one image."""
        return (await self.predict(model)).predictions[0].label


def request(model: str, *images: bytes) -> pb.PredictRequest:
    """The request of `Running.predict`."""
    items = [content_pb2.Content(image=image) for image in images or (png(),)]
    return pb.PredictRequest(model=f"{PROJECT}/models/{model}", items=items)


@asynccontextmanager
async def running_predictor(store: Store, **environ: str) -> AsyncIterator[Running]:
    """A warm predictor; `environ` are settings such as GRAFT_HEAD_CACHE_MIB."""
    async with running_embedder() as (watched, embedder):
        try:
            async with predictor_beside(store, embedder.address, **environ) as (predictor, stub):
                yield Running(predictor, stub, watched, embedder)
        finally:
            watched.gate.set()


@asynccontextmanager
async def predictor_beside(
    store: Store, embedder: str, **environ: str
) -> AsyncIterator[tuple[Predictor, Any]]:
    """A warm predictor over the embedder at this address, and a stub that calls it."""
    values = {"GRAFT_LISTEN": "127.0.0.1:0", "GRAFT_EMBEDDER": embedder, **environ}
    predictor = Predictor(read_settings("predictor", values), store)
    await predictor.server.start()
    try:
        await predictor.warm()
        await predictor.server.health.set(True)
        async with open_channel(predictor.server.address) as channel:
            yield predictor, predictor_service_pb2_grpc.PredictorServiceStub(channel)
    finally:
        await predictor.server.stop(1)
        await predictor.drain()
