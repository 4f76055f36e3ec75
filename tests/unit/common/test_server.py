"""The server: truthful health, errors mapped once, request ids, a graceful end."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from graft import errors
from graft.channel import MAX_MESSAGE_BYTES, REQUEST_ID_KEY, open_channel
from graft.common.v1 import info_service_pb2, info_service_pb2_grpc
from graft.embedder.v1 import embedder_service_pb2, embedder_service_pb2_grpc
from graft.status import from_rpc_error
from services.common import metrics, telemetry
from services.common.health import LIVENESS
from services.common.server import Servable, Server, run
from services.common.settings import Settings, read_settings

NAME = "graft.embedder.v1.EmbedderService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Toy(embedder_service_pb2_grpc.EmbedderServiceServicer):
    """Fails as told by the name it is asked for; `gate` holds a call in flight."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.seen_request_id = ""

    async def GetBackbone(self, request: Any, context: Any) -> Any:
        self.seen_request_id = telemetry.request_id()
        if request.name == "bug":
            raise RuntimeError("a secret of the server")
        if request.name == "limit":
            raise errors.Unavailable("busy. Received: 9", reason="OVERLOADED", retry_after_s=0.5)
        if request.name.startswith("long"):
            raise errors.InvalidArgument(
                f"a name is short. Received: {request.name}",
                field="name",
                metadata={"name": request.name, "again": request.name},
            )
        if request.name == "hold":
            self.entered.set()
            await self.gate.wait()
        return embedder_service_pb2.GetBackboneResponse(engine=request.name)

    async def EmbedStream(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            if request.id < 0:
                raise errors.InvalidArgument("id must be >= 0. Received: -1", field="id")
            yield embedder_service_pb2.EmbedStreamResponse(id=request.id)


@pytest.fixture
async def toy() -> AsyncIterator[tuple[Toy, Server, Any]]:
    servicer = Toy()
    servable = Servable(
        NAME, servicer, embedder_service_pb2_grpc.add_EmbedderServiceServicer_to_server
    )
    info = info_service_pb2.GetServerInfoResponse(
        service="embedder", max_message_bytes=MAX_MESSAGE_BYTES
    )
    server = Server(listen="127.0.0.1:0", servables=[servable], info=info)
    await server.start()
    await server.health.set(True)
    async with open_channel(server.address) as channel:
        yield servicer, server, channel
        await server.stop(0)


def ask(name: str) -> embedder_service_pb2.GetBackboneRequest:
    return embedder_service_pb2.GetBackboneRequest(name=name)


async def health(server: Server, name: str) -> int:
    """Asked over a plain channel: ours sends nothing to a server that does not serve."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    return int(answer.status)


async def test_health_is_not_serving_until_warm_and_again_while_draining(toy: Any) -> None:
    _, server, _ = toy
    await server.health.begin()
    assert [await health(server, name) for name in ("", NAME)] == [NOT_SERVING, NOT_SERVING]
    assert await health(server, LIVENESS) == SERVING
    await server.health.set(True)
    assert [await health(server, name) for name in ("", NAME)] == [SERVING, SERVING]
    await server.health.set(False)
    assert await health(server, NAME) == NOT_SERVING
    assert await health(server, LIVENESS) == SERVING


async def _call_until_refused(stub: Any) -> None:
    """Until the client's watch of the server's health has heard of it."""
    while True:
        await stub.GetBackbone(ask("b"), timeout=10)


async def test_a_client_of_ours_leaves_a_server_that_does_not_serve_alone(toy: Any) -> None:
    servicer, server, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    await stub.GetBackbone(ask("a"))
    await server.health.set(False)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _call_until_refused(stub)
    error = from_rpc_error(caught.value, target=server.address)
    assert isinstance(error, errors.Unavailable)
    assert "warming or stopping" in str(error)
    await server.health.set(True)
    await stub.GetBackbone(ask("c"), timeout=10, wait_for_ready=True)
    assert servicer.seen_request_id


async def test_an_error_of_ours_arrives_whole(toy: Any) -> None:
    _, server, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        # A deadline shorter than the retries of UNAVAILABLE would hide the error.
        await stub.GetBackbone(ask("limit"), timeout=20)
    error = from_rpc_error(caught.value, target=server.address)
    assert isinstance(error, errors.Unavailable)
    assert (error.reason, error.retry_after_s) == ("OVERLOADED", 0.5)
    assert str(error) == "busy. Received: 9"


@pytest.mark.parametrize("letter", ["x", "\u00fc", "\u65e5"])
async def test_an_error_about_something_long_arrives_with_its_reason(toy: Any, letter: str) -> None:
    _, server, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetBackbone(ask("long " + letter * 20_000 + " end"), timeout=20)
    error = from_rpc_error(caught.value, target=server.address)
    assert isinstance(error, errors.InvalidArgument)
    assert (error.reason, error.field) == ("INVALID_ARGUMENT", "name")
    assert str(error).startswith("a name is short. Received: long ")
    assert str(error).endswith(" end")


async def test_a_bug_is_internal_and_tells_no_secret(
    toy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, server, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetBackbone(ask("bug"), metadata=((REQUEST_ID_KEY, "r-7"),))
    error = from_rpc_error(caught.value, target=server.address)
    assert isinstance(error, errors.Internal)
    assert "secret" not in str(error)
    assert "r-7" in str(error)
    assert "a secret of the server" in caplog.text


async def test_an_error_ends_a_stream_with_its_details(toy: Any) -> None:
    _, server, channel = toy
    call = embedder_service_pb2_grpc.EmbedderServiceStub(channel).EmbedStream()
    await call.write(embedder_service_pb2.EmbedStreamRequest(id=4))
    assert (await call.read()).id == 4
    await call.write(embedder_service_pb2.EmbedStreamRequest(id=-1))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert from_rpc_error(caught.value, target=server.address).field == "id"


async def test_the_request_id_of_the_caller_is_kept_and_answered(toy: Any) -> None:
    servicer, _, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    call = stub.GetBackbone(ask("a"), metadata=((REQUEST_ID_KEY, "mine-1"),))
    await call
    assert servicer.seen_request_id == "mine-1"
    assert dict(await call.trailing_metadata())[REQUEST_ID_KEY] == "mine-1"


async def test_a_hostile_request_id_is_replaced(toy: Any) -> None:
    servicer, _, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    await stub.GetBackbone(ask("a"), metadata=((REQUEST_ID_KEY, 'x" , "level": "no'),))
    assert len(servicer.seen_request_id) == 32


async def test_calls_are_counted_by_method_and_code(toy: Any) -> None:
    _, _, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    counter = metrics.REQUESTS.labels(f"/{NAME}/GetBackbone", "OK")
    before = counter._value.get()
    await stub.GetBackbone(ask("a"))
    assert counter._value.get() == before + 1


async def test_a_call_in_flight_is_finished_before_the_end(toy: Any) -> None:
    servicer, server, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    call = asyncio.ensure_future(stub.GetBackbone(ask("hold")))
    await servicer.entered.wait()
    stopping = asyncio.ensure_future(server.stop(20))
    await asyncio.sleep(0)
    servicer.gate.set()
    assert (await call).engine == "hold"
    await stopping


async def test_a_call_that_outlives_the_grace_is_cut_off(toy: Any) -> None:
    servicer, server, channel = toy
    stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
    call = asyncio.ensure_future(stub.GetBackbone(ask("hold"), timeout=20))
    await servicer.entered.wait()
    await server.stop(0.05)
    with pytest.raises(grpc.aio.AioRpcError):
        await call


async def test_limits_are_published(toy: Any) -> None:
    _, _, channel = toy
    stub = info_service_pb2_grpc.InfoServiceStub(channel)
    info = await stub.GetServerInfo(info_service_pb2.GetServerInfoRequest())
    assert info.max_message_bytes == MAX_MESSAGE_BYTES


async def test_reflection_lists_the_services(toy: Any) -> None:
    _, _, channel = toy
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    await call.done_writing()
    listed = {service.name for service in answer.list_services_response.service}
    assert {NAME, "graft.common.v1.InfoService", "grpc.health.v1.Health"} <= listed


async def test_a_taken_port_is_named(toy: Any) -> None:
    _, server, _ = toy
    with pytest.raises(errors.FailedPrecondition, match="GRAFT_LISTEN"):
        Server(
            listen=server.address,
            servables=[],
            info=info_service_pb2.GetServerInfoResponse(),
        )


def test_a_log_line_is_json_with_the_request_id() -> None:
    telemetry.begin_request("r1")
    record = logging.makeLogRecord({"msg": "über %s", "args": ("x",), "levelname": "INFO", "n": 3})
    line = json.loads(telemetry.JsonFormatter("embedder").format(record))
    assert (line["message"], line["request_id"], line["n"]) == ("über x", "r1", 3)
    assert line["service"] == "embedder"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    addresses = {"GRAFT_LISTEN": "127.0.0.1:0", "GRAFT_METRICS_LISTEN": "127.0.0.1:0"}
    return read_settings("embedder", {"HOME": str(tmp_path), **addresses})


async def nothing() -> None:
    """A service with nothing to warm or to drain."""


async def test_a_service_whose_vital_part_died_ends_with_an_error(settings: Settings) -> None:
    server = Server(
        listen=settings.listen, servables=[], info=info_service_pb2.GetServerInfoResponse()
    )
    drained = asyncio.Event()

    async def drain() -> None:
        drained.set()

    server.failed.set()
    with pytest.raises(errors.Internal, match="vital part"):
        await run(settings, server, warm=nothing, drain=drain)
    assert drained.is_set()


async def test_a_service_that_cannot_warm_ends_with_the_reason(settings: Settings) -> None:
    server = Server(
        listen=settings.listen, servables=[], info=info_service_pb2.GetServerInfoResponse()
    )

    async def warm() -> None:
        raise errors.NotFound("no backbone. Received: 'x'")

    with pytest.raises(errors.NotFound, match="no backbone"):
        await run(settings, server, warm=warm, drain=nothing)
