"""The predictor on the wire: checks a request, asks the router, writes the answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import content_pb2, info_service_pb2
from graft.errors import GraftError, InvalidArgument, ResourceExhausted, Unavailable
from graft.names import parse_servable
from graft.predictor.v1 import predictor_service_pb2 as pb
from graft.predictor.v1 import predictor_service_pb2_grpc
from services.common.admission import BYTES, Admission
from services.common.blocking import Bridge
from services.common.store.base import Store
from services.predictor import catalogue
from services.predictor.head_cache import HeadCache
from services.predictor.router import Asked, Router

NAME: Final = "graft.predictor.v1.PredictorService"

MAX_MODELS: Final = 100
"""Models that one PredictMany may ask."""

STARTING_S: Final = 1.0
"""After so long a caller may try again, while the limits of the embedder are not known yet."""

ADMITTED_BYTES: Final = 2 * MAX_MESSAGE_BYTES
"""The items of all requests inside: 128 MiB. Each is in memory several times: as it came, and for
each of the router's BACKBONES_AT_ONCE as it goes on, as a message and, while it is sent, packed."""


class PredictorServicer(predictor_service_pb2_grpc.PredictorServiceServicer):
    """Answers with trained models; `info` holds the limits, which the embedder sets."""

    def __init__(
        self,
        router: Router,
        heads: HeadCache,
        store: Store,
        threads: Bridge,
        info: info_service_pb2.GetServerInfoResponse,
    ) -> None:
        self._router = router
        self._heads = heads
        self._store = store
        self._threads = threads
        self._info = info
        self._bytes = Admission(ADMITTED_BYTES, BYTES)

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.PredictResponse:
        """Label a batch with one model."""
        self._check_items(len(request.items))
        with self._bytes.admit(_size(request.items)):
            labelled, timings = await self._router.predict(
                [Asked(request.model, "model")], request.items, context.time_remaining()
            )
        return pb.PredictResponse(
            model_version=labelled[0].model_version,
            predictions=labelled[0].predictions,
            timings=timings,
        )

    async def PredictMany(
        self, request: pb.PredictManyRequest, context: Any
    ) -> pb.PredictManyResponse:
        """Label a batch with many models."""
        self._check_items(len(request.items))
        _check_count(len(request.models), MAX_MODELS, "models")
        asked = [Asked(model, f"models[{index}]") for index, model in enumerate(request.models)]
        with self._bytes.admit(_size(request.items)):
            labelled, timings = await self._router.predict(
                asked, request.items, context.time_remaining()
            )
        results = [
            pb.ModelPredictions(model_version=one.model_version, predictions=one.predictions)
            for one in labelled
        ]
        return pb.PredictManyResponse(results=results, timings=timings)

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:
        """Tell a model, the version that the name means, and whether it is loaded here."""
        try:
            name = parse_servable(request.name)
        except GraftError as error:
            error.field = "name"
            raise
        model, version, revision = await self._threads.run(catalogue.read_model, self._store, name)
        return pb.GetModelResponse(model=model, version=version, loaded=revision in self._heads)

    async def ListModels(
        self, request: pb.ListModelsRequest, context: Any
    ) -> pb.ListModelsResponse:
        """List a page of a project's models."""
        return await self._threads.run(catalogue.list_models, self._store, request)

    def _check_items(self, count: int) -> None:
        limit = self._info.max_items_per_request
        if not limit:
            raise Unavailable(
                "this predictor is starting and waits for the store and the embedder; retry",
                reason="NOT_SERVING",
                retry_after_s=STARTING_S,
            )
        _check_count(count, limit, "items")


def _size(items: Iterable[content_pb2.Content]) -> int:
    return sum(item.ByteSize() for item in items)  # of one at a time: it packs what it measures


def _check_count(count: int, limit: int, field: str) -> None:
    if not count:
        raise InvalidArgument(f"{field} must hold 1 to {limit} entries. Received: 0", field=field)
    if count > limit:
        raise ResourceExhausted(
            f"{field} must hold 1 to {limit} entries; split the request. Received: {count}",
            reason="REQUEST_TOO_LARGE",
            field=field,
            metadata={"limit": str(limit), "unit": field},
        )
