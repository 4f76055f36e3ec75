"""All services of a suite in one server in this process, with tiny insides.

It keeps the contracts that a client can see (protos, errors, limits, events in order), trains by
remembering the mean colour of each class, and does what its `world` is told: fail the next calls,
break off a watch, hold a job until it is cancelled. tests/contracts holds it to the real suite.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from graft.addresses import Addresses
from graft.common.v1 import info_service_pb2
from graft.embedder.v1 import embedder_service_pb2_grpc
from graft.predictor.v1 import predictor_service_pb2_grpc
from graft.trainer.v1 import (
    dataset_service_pb2_grpc,
    model_service_pb2_grpc,
    trainer_service_pb2_grpc,
)
from services.common.server import Servable, Server
from tests.support.fake_predictor import FakeEmbedder, FakePredictor
from tests.support.fake_trainer import FakeDatasets, FakeJobs, FakeModels
from tests.support.fake_world import World

MIB = 1 << 20


class FakeSuite:
    """Owns the world and the server around it."""

    def __init__(self, *, max_items: int = 100, max_message_bytes: int = 8 * MIB) -> None:
        self.world = World()
        info = info_service_pb2.GetServerInfoResponse(
            service="fake",
            version="0",
            max_message_bytes=max_message_bytes,
            max_items_per_request=max_items,
            max_image_bytes=max_message_bytes // 2,
            max_image_pixels=MIB,
        )
        self.server = Server(listen="127.0.0.1:0", servables=_servables(self.world), info=info)

    @property
    def addresses(self) -> Addresses:
        """Where it listens, three times."""
        return Addresses(*[self.server.address] * 3)


def _servables(world: World) -> list[Servable]:
    return [
        Servable(
            "graft.trainer.v1.DatasetService",
            FakeDatasets(world),
            dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server,
        ),
        Servable(
            "graft.trainer.v1.TrainerService",
            FakeJobs(world),
            trainer_service_pb2_grpc.add_TrainerServiceServicer_to_server,
        ),
        Servable(
            "graft.trainer.v1.ModelService",
            FakeModels(world),
            model_service_pb2_grpc.add_ModelServiceServicer_to_server,
        ),
        Servable(
            "graft.predictor.v1.PredictorService",
            FakePredictor(world),
            predictor_service_pb2_grpc.add_PredictorServiceServicer_to_server,
        ),
        Servable(
            "graft.embedder.v1.EmbedderService",
            FakeEmbedder(world),
            embedder_service_pb2_grpc.add_EmbedderServiceServicer_to_server,
        ),
    ]


@asynccontextmanager
async def fake_suite(**options: Any) -> AsyncIterator[FakeSuite]:
    """A serving suite, stopped at the end."""
    suite = FakeSuite(**options)
    await suite.server.start()
    await suite.server.health.set(True)
    try:
        yield suite
    finally:
        await suite.server.stop(0)
