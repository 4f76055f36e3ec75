"""The embedder, as the predictor calls it: contents in, float32 vectors out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from graft.channel import open_channel
from graft.common.v1 import (
    content_pb2,
    info_service_pb2,
    info_service_pb2_grpc,
    tensor_pb2,
    timing_pb2,
)
from graft.embedder.v1 import embedder_service_pb2, embedder_service_pb2_grpc
from graft.errors import DeadlineExceeded, GraftError, Internal, InvalidArgument, Unavailable
from graft.status import from_rpc_error
from graft.tensors import from_tensor
from services.common import telemetry
from services.common.heads.base import Floats

EMBED_TIMEOUT_S: Final = 60.0
"""How long a caller without a deadline of its own waits for the embedder."""

ASK_TIMEOUT_S: Final = 2.0
"""How long the embedder gets to tell its health and its limits."""

SERVICE: Final = "graft.embedder.v1.EmbedderService"


class Deadline:
    """When the caller's time is up: `remaining_s` as gRPC tells it, None without a deadline."""

    __slots__ = ("_end",)

    def __init__(self, remaining_s: float | None) -> None:
        self._end = time.monotonic() + (EMBED_TIMEOUT_S if remaining_s is None else remaining_s)

    def remaining_s(self) -> float:
        """What is left for the next step; DeadlineExceeded when that is nothing."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded("the deadline passed before the embedder was asked; allow more")
        return left


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of a batch by endpoint, float32 `[items, dim]`, or the maps `[items, height,
    width, channels]`, and the embedder's stages."""

    vectors: dict[str, Floats]
    timings: Sequence[timing_pb2.StageTiming]


class Embedder:
    """Owns the channel to the embedder at `target`; `close` ends it."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._channel = open_channel(target, retries=False)
        self._stub = embedder_service_pb2_grpc.EmbedderServiceStub(self._channel)

    async def embed(
        self,
        items: Sequence[content_pb2.Content],
        *,
        backbone: str,
        endpoints: Sequence[str],
        deadline: Deadline,
        side: int = 0,
    ) -> Embedded:
        """Embed a batch with `backbones/{name}@{digest}`, in float16 as the trainer does.

        With a `side` the answer is the maps `[items, height, width, channels]` of pictures resized
        to `side` x `side` pixels.

        The heads were fitted on vectors rounded to float16; the same rounding here makes serving
        equal to training. Raises what the embedder raised, Unavailable when it does not answer.
        """
        request = embedder_service_pb2.EmbedRequest(
            backbone=backbone,
            endpoints=endpoints,
            dtype=tensor_pb2.DATA_TYPE_FLOAT16,
            items=items,
            maps=side > 0,
            input_size=[side, side] if side else [],
        )
        try:
            answer = await self._ask(request, deadline)
        except Unavailable as error:
            if error.reason != "NOT_SERVING":
                raise  # repeating is for who began the call: here it would multiply an overload
            await asyncio.sleep(error.retry_after_s or 0.0)
            answer = await self._ask(request, deadline)  # by another replica: the first one stops
        return _read_answer(answer, backbone, endpoints, len(items), 4 if side else 2)

    async def _ask(
        self, request: embedder_service_pb2.EmbedRequest, deadline: Deadline
    ) -> embedder_service_pb2.EmbedResponse:
        timeout, metadata = deadline.remaining_s(), telemetry.outgoing_metadata()
        try:
            answer: embedder_service_pb2.EmbedResponse = await self._stub.Embed(
                request, timeout=timeout, metadata=metadata
            )
        except grpc.aio.AioRpcError as error:
            raise self._translated(error) from error
        return answer

    def _translated(self, error: grpc.aio.AioRpcError) -> GraftError:
        """The embedder's error with its code and reason; silence names the embedder."""
        failure = from_rpc_error(error, target=self._target)
        if type(failure) is Unavailable and failure.metadata.get("target") == self._target:
            return Unavailable(
                f"the embedder at {self._target} does not answer or is not ready; start it, or set"
                f" GRAFT_EMBEDDER. Received: {error.details()}",
                metadata={"target": self._target},
                retry_after_s=1.0,
            )
        if not failure.field.startswith("items["):
            failure.field = ""  # of our request, not of our caller's; the items are the same
        return failure

    async def limits(self) -> info_service_pb2.GetServerInfoResponse:
        """What the embedder accepts, once it serves; raises Unavailable until then."""
        health = health_pb2_grpc.HealthStub(self._channel)
        info = info_service_pb2_grpc.InfoServiceStub(self._channel)
        try:
            state = await health.Check(
                health_pb2.HealthCheckRequest(service=SERVICE), timeout=ASK_TIMEOUT_S
            )
            if state.status != health_pb2.HealthCheckResponse.SERVING:
                raise Unavailable(f"the embedder at {self._target} is not ready")
            question = info_service_pb2.GetServerInfoRequest()
            limits: info_service_pb2.GetServerInfoResponse = await info.GetServerInfo(
                question, timeout=ASK_TIMEOUT_S
            )
        except grpc.aio.AioRpcError as error:
            raise self._translated(error) from error
        return limits

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


def _read_answer(
    answer: embedder_service_pb2.EmbedResponse,
    backbone: str,
    endpoints: Sequence[str],
    items: int,
    axes: int,
) -> Embedded:
    """Unpack an answer that holds what was asked for; Internal for any other."""
    names = [output.endpoint for output in answer.outputs]
    if names != list(endpoints) or not backbone.endswith(f"@{answer.backbone_digest}"):
        raise Internal(
            f"the embedder answered other vectors than those of {backbone} at {list(endpoints)}."
            f" Received: {names} of {answer.backbone_digest!r}"
        )
    vectors = {output.endpoint: _floats(output.vectors, items, axes) for output in answer.outputs}
    return Embedded(vectors, answer.timings)


def _floats(tensor: tensor_pb2.Tensor, items: int, axes: int) -> Floats:
    try:
        array: Any = from_tensor(tensor)
    except InvalidArgument as error:
        raise Internal(f"the embedder answered a broken tensor: {error}") from error
    if array.ndim != axes or len(array) != items:
        raise Internal(f"the embedder owed {items} vectors. Received: shape {array.shape}")
    return np.asarray(array, dtype=np.float32)
