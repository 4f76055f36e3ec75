"""One gRPC server with everything that each service needs around its servicers.

Its life: listen, warm, SERVING, drain, stop. Health tells the truth at each step: the service's
names are NOT_SERVING until `warm` has returned and again from the first SIGTERM on; the name
`liveness` is SERVING as long as the process answers at all, whatever the store or the device do.
A process whose vital part has died ends with status 1, so that its supervisor starts a fresh one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import start_http_server

from graft.channel import SERVER_OPTIONS
from graft.common.v1 import info_service_pb2, info_service_pb2_grpc
from graft.errors import FailedPrecondition, GraftError, Internal, InvalidArgument
from services.common import metrics, telemetry
from services.common.health import Health
from services.common.interceptors import CallInterceptor
from services.common.settings import Settings, refuse
from services.common.store import Store, open_store

_LOG = logging.getLogger(__name__)

INFO_SERVICE: Final = "graft.common.v1.InfoService"
QUIET_S: Final = 0.5
"""How long a stopping server refuses before it closes, so that callers hear of it first."""

WATCHERS_S: Final = 0.2

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Servable:
    """A servicer and how it is added: `add` is the generated add_..._to_server function."""

    name: str
    servicer: Any
    add: Callable[[Any, Any], None]


class InfoServicer(info_service_pb2_grpc.InfoServiceServicer):
    """Says who this server is and what it accepts."""

    def __init__(self, info: info_service_pb2.GetServerInfoResponse) -> None:
        self._info = info

    async def GetServerInfo(self, request: Any, context: Any) -> Any:
        """Answer the limits."""
        return self._info


class Server:
    """Owns one listening gRPC server and its health; `address` is known after `start`.

    Set `failed` when a part has died without which nothing can be answered any more.
    """

    def __init__(
        self,
        *,
        listen: str,
        servables: Sequence[Servable],
        info: info_service_pb2.GetServerInfoResponse,
        reflect: bool = True,
    ) -> None:
        names = [servable.name for servable in servables]
        self.health = Health(names)
        self.failed = asyncio.Event()
        self._calls = CallInterceptor()
        self._server = grpc.aio.server(interceptors=[self._calls], options=SERVER_OPTIONS)
        for servable in servables:
            servable.add(servable.servicer, self._server)
        info_service_pb2_grpc.add_InfoServiceServicer_to_server(InfoServicer(info), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health.servicer, self._server)
        if reflect:
            known = (*names, INFO_SERVICE, "grpc.health.v1.Health", reflection.SERVICE_NAME)
            reflection.enable_server_reflection(known, self._server)
        self._host, _, port = listen.rpartition(":")
        self._port = self._bind(listen)
        if port not in ("0", str(self._port)):
            raise FailedPrecondition(f"cannot listen at {listen}: got port {self._port}")

    def _bind(self, listen: str) -> int:
        try:
            return self._server.add_insecure_port(listen)
        except RuntimeError as error:
            raise FailedPrecondition(
                f"cannot listen at {listen}: the port is taken or not ours; set GRAFT_LISTEN to"
                f" another host:port. Received: {listen!r}"
            ) from error

    @property
    def address(self) -> str:
        """The host:port that it listens at."""
        return f"{self._host}:{self._port}"

    async def start(self) -> None:
        """Answer calls; health says NOT_SERVING until told otherwise."""
        await self.health.begin()
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, let those in flight finish for `grace_s`, then cut them off."""
        await self.health.set(False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._calls.drain(min(QUIET_S, grace_s / 2))
        self.health.close()
        await self._server.stop(WATCHERS_S)  # for health watchers; what outlived its grace is cut


async def run(
    settings: Settings,
    server: Server,
    *,
    warm: Callable[[], Awaitable[None]],
    drain: Callable[[], Awaitable[None]],
) -> None:
    """Live from start to the first SIGTERM or SIGINT; `drain` comes after the last call.

    Raises Internal at the end when a vital part failed.
    """
    stopping = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with _metrics_server(settings):
        await server.start()
        _LOG.info("listening", extra={"address": server.address})
        try:
            await _serve(server, warm, stopping)
        finally:
            await server.stop(settings.grace_s)
            await drain()
            _LOG.info("stopped")
    if server.failed.is_set():
        raise Internal("a vital part of the service died; the log above tells which and why")


async def _serve(
    server: Server, warm: Callable[[], Awaitable[None]], stopping: asyncio.Event
) -> None:
    """Warm up unless told to stop first; then serve until told to stop, or failed."""
    warming = asyncio.ensure_future(warm())
    ends = {asyncio.ensure_future(event.wait()) for event in (stopping, server.failed)}
    await asyncio.wait({warming, *ends}, return_when=asyncio.FIRST_COMPLETED)
    if warming.done():
        warming.result()
        await server.health.set(True)
        _LOG.info("serving", extra={"address": server.address})
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    warming.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await warming


@contextlib.contextmanager
def _metrics_server(settings: Settings) -> Any:
    host, _, port = settings.metrics_listen.rpartition(":")
    try:
        httpd, thread = start_http_server(int(port), addr=host, registry=metrics.REGISTRY)
    except OSError as error:
        raise FailedPrecondition(
            f"cannot serve metrics at {settings.metrics_listen} ({error.strerror}); set"
            f" GRAFT_METRICS_LISTEN to another host:port. Received: {settings.metrics_listen!r}"
        ) from error
    try:
        yield
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def open_settings_store(settings: Settings) -> Store:
    """Open the store that the settings name; one that cannot be meant ends the process."""
    try:
        return open_store(settings.store_url, os.environ)
    except InvalidArgument as error:
        refuse(settings.service, error)


def launch(settings: Settings, main: Callable[[Settings], Awaitable[None]]) -> None:
    """Run a service's `main` in this process; an error that Graft names ends it with status 1."""
    telemetry.configure(settings.service, settings.log_level)
    try:
        asyncio.run(_as_coroutine(main, settings))
    except GraftError as error:
        _LOG.critical("ended: %s", error)
        raise SystemExit(1) from error


async def _as_coroutine(main: Callable[[Settings], Awaitable[None]], settings: Settings) -> None:
    await main(settings)
