"""The one place where the client talks gRPC: channels, deadlines, request ids, errors, limits."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc

from graft import channel
from graft.addresses import Addresses
from graft.common.v1 import info_service_pb2, info_service_pb2_grpc
from graft.content import MAX_TEXT_BYTES
from graft.embedder.v1 import embedder_service_pb2_grpc
from graft.errors import FailedPrecondition, GraftError, Unavailable
from graft.predictor.v1 import predictor_service_pb2_grpc
from graft.status import from_rpc_error
from graft.trainer.v1 import (
    dataset_service_pb2_grpc,
    model_service_pb2_grpc,
    trainer_service_pb2_grpc,
)

DEFAULT_TIMEOUT_S: Final = 60.0
"""The deadline of a unary call that was given no other."""

BULK_TIMEOUT_S: Final = 3600.0
"""The deadline of a call that streams, or waits for a backbone to be loaded."""

_PASSING: Final = ("OVERLOADED", "NOT_SERVING")
"""Why a replica refuses what it, or another one, takes in a moment."""

_STUBS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "backbones": ("embedder", embedder_service_pb2_grpc.EmbedderServiceStub),
    "datasets": ("trainer", dataset_service_pb2_grpc.DatasetServiceStub),
    "jobs": ("trainer", trainer_service_pb2_grpc.TrainerServiceStub),
    "models": ("trainer", model_service_pb2_grpc.ModelServiceStub),
    "predictor": ("predictor", predictor_service_pb2_grpc.PredictorServiceStub),
}


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server says of itself; `max_items` and the sizes are its limits for one request."""

    service: str
    version: str
    max_message_bytes: int
    max_items: int
    max_image_bytes: int
    max_image_pixels: int
    max_text_bytes: int = MAX_TEXT_BYTES

    def largest(self, *, text: bool) -> int:
        """The most bytes that one item may have."""
        return self.max_text_bytes if text else self.max_image_bytes


class Connection:
    """Owns the channels, one a target, opened when first used and closed by `close`."""

    def __init__(self, addresses: Addresses, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._addresses = addresses
        self._timeout_s = timeout_s
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._stubs: dict[str, Any] = {}
        self._infos: dict[str, ServerInfo] = {}
        self._asking = asyncio.Lock()
        self._closed = False

    async def call(
        self, area: str, method: str, request: Any, *, timeout_s: float | None = None
    ) -> Any:
        """Make one call; `request` is a message, or an async iterator of them for a stream."""
        service, _ = _STUBS[area]
        attempt = getattr(self._stub(area), method)
        return await self._answer(service, attempt, request, timeout_s or self._timeout_s)

    async def call_patiently(self, area: str, method: str, request: Any) -> Any:
        """Make one call, again whenever a server that has too much to do says to, within the one
        deadline. gRPC by itself repeats no request above 256 KiB, nor does it wait as it is told.
        """
        end = time.monotonic() + self._timeout_s
        while True:
            try:
                left_s = end - time.monotonic()
                return await self.call(area, method, request, timeout_s=left_s)
            except Unavailable as error:
                pause_s = error.retry_after_s
                if error.reason not in _PASSING or pause_s is None:
                    raise
                if time.monotonic() + pause_s >= end:
                    raise
            await asyncio.sleep(pause_s)

    async def stream(self, area: str, method: str, request: Any) -> AsyncGenerator[Any, None]:
        """Make a call whose answers stream in; closing the iterator cancels the call."""
        service, _ = _STUBS[area]
        identity = uuid.uuid4().hex
        answers = getattr(self._stub(area), method)(
            request, timeout=BULK_TIMEOUT_S, metadata=((channel.REQUEST_ID_KEY, identity),)
        )
        try:
            async for answer in answers:
                yield answer
        except grpc.RpcError as error:
            raise self._translate(service, error, identity) from error
        finally:
            answers.cancel()

    async def info(self, service: str) -> ServerInfo:
        """Ask a server for its version and limits; asked once a target."""
        target = self._addresses.of(service)
        async with self._asking:
            if target not in self._infos:
                self._infos[target] = await self._ask_info(service)
            return self._infos[target]

    async def close(self) -> None:
        """Close every channel; calls in flight are cancelled, later ones refused."""
        self._closed = True
        channels, self._channels, self._stubs = list(self._channels.values()), {}, {}
        for opened in channels:
            await opened.close()

    async def _ask_info(self, service: str) -> ServerInfo:
        stub: Any = info_service_pb2_grpc.InfoServiceStub(self._channel(service))
        request = info_service_pb2.GetServerInfoRequest()
        info = await self._answer(service, stub.GetServerInfo, request, self._timeout_s)
        return ServerInfo(
            service=info.service,
            version=info.version,
            max_message_bytes=info.max_message_bytes or channel.MAX_MESSAGE_BYTES,
            max_items=max(1, info.max_items_per_request),
            max_image_bytes=info.max_image_bytes or channel.MAX_MESSAGE_BYTES,
            max_image_pixels=info.max_image_pixels,
            max_text_bytes=info.max_text_bytes or MAX_TEXT_BYTES,
        )

    async def _answer(self, service: str, attempt: Any, request: Any, timeout_s: float) -> Any:
        identity = uuid.uuid4().hex
        metadata = ((channel.REQUEST_ID_KEY, identity),)
        try:
            return await attempt(request, timeout=timeout_s, metadata=metadata)
        except grpc.RpcError as error:
            raise self._translate(service, error, identity) from error

    def _translate(self, service: str, error: grpc.RpcError, identity: str) -> GraftError:
        known = from_rpc_error(error, target=self._addresses.of(service))
        known.metadata.setdefault("request_id", identity)
        return known

    def _stub(self, area: str) -> Any:
        if area not in self._stubs:
            service, make = _STUBS[area]
            self._stubs[area] = make(self._channel(service))
        return self._stubs[area]

    def _channel(self, service: str) -> grpc.aio.Channel:
        if self._closed:
            raise FailedPrecondition("this client is closed; open another one")
        target = self._addresses.of(service)
        if target not in self._channels:
            self._channels[target] = channel.open_channel(target)
        return self._channels[target]
