"""The predictor put together: what owns what, how it warms up and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from graft import __version__
from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import info_service_pb2
from graft.errors import GraftError
from graft.predictor.v1 import predictor_service_pb2_grpc
from services.common import server as common
from services.common.blocking import Bridge
from services.common.settings import Settings, from_process
from services.common.store import Store
from services.predictor.embedding import Embedder
from services.predictor.head_cache import HeadCache, Loaded
from services.predictor.router import Router
from services.predictor.served import Name, Servable, read_head, read_servable
from services.predictor.servicer import NAME, PredictorServicer
from services.predictor.source import Source

_LOG = logging.getLogger(__name__)

STORE_THREADS: Final = 8
"""Reads of the store at once, on behalf of Predict."""

CATALOGUE_THREADS: Final = 2
"""Reads of the store at once, on behalf of GetModel and ListModels."""

HEAD_THREADS: Final = 2
"""Large batches that go through their heads at once."""

WARM_PAUSE_S: Final = 0.25
"""Between two questions to a store or an embedder that is not there yet."""

_PROBE_KEY: Final = "graft-predictor-probe"


class Predictor:
    """Owns the threads, the heads, the channel and the server; the store is its caller's.

    It serves once the store and the embedder have each answered once. After that its readiness
    depends on neither: loaded heads answer while the store is away, and an embedder that is gone is
    an error of its own, which taking every replica out of the load balancer would only hide.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._reads = Bridge("store", STORE_THREADS)
        self._lists = Bridge("catalogue", CATALOGUE_THREADS)
        self._computing = Bridge("heads", HEAD_THREADS)
        self._embedder = Embedder(settings.embedder)
        self.heads = HeadCache(self._read_head, budget_bytes=settings.head_cache_mib << 20)
        self.source = Source(self._read_servable, self.heads.load)
        self._info = info_service_pb2.GetServerInfoResponse(
            service="predictor", version=__version__, max_message_bytes=MAX_MESSAGE_BYTES
        )
        self.server = common.Server(
            listen=settings.listen,
            servables=[self._servable()],
            info=self._info,
            reflect=settings.reflection,
        )

    def _servable(self) -> common.Servable:
        router = Router(self.source, self.heads, self._embedder, self._computing)
        servicer = PredictorServicer(router, self.heads, self._store, self._lists, self._info)
        add = predictor_service_pb2_grpc.add_PredictorServiceServicer_to_server
        return common.Servable(NAME, servicer, add)

    async def _read_servable(self, name: Name, known: Servable | None) -> Servable:
        return await self._reads.run(read_servable, self._store, name, known)

    async def _read_head(self, servable: Servable) -> Loaded:
        return await self._reads.run(read_head, self._store, servable)

    async def warm(self) -> None:
        """Wait for the store and the embedder, and take over the embedder's limits."""
        await _until_answered("store", self._ask_store)
        await _until_answered("embedder", self._ask_embedder)

    async def _ask_store(self) -> None:
        await self._reads.run(self._store.head, _PROBE_KEY)

    async def _ask_embedder(self) -> None:
        limits = await self._embedder.limits()
        self._info.max_items_per_request = limits.max_items_per_request
        self._info.max_image_bytes = limits.max_image_bytes
        self._info.max_image_pixels = limits.max_image_pixels
        self._info.max_text_bytes = limits.max_text_bytes

    async def drain(self) -> None:
        """Give everything back; comes after the last call."""
        await self.source.close()
        await self.heads.close()
        await self._embedder.close()
        for bridge in (self._reads, self._lists, self._computing):
            await asyncio.to_thread(bridge.close)


async def _until_answered(what: str, ask: Callable[[], Awaitable[None]]) -> None:
    """Ask until there is an answer; one log line for each new reason why there is none."""
    said = ""
    while True:
        try:
            return await ask()
        except GraftError as error:
            if said != str(error):
                said = str(error)
                _LOG.info("waiting for the %s: %s", what, error)
        await asyncio.sleep(WARM_PAUSE_S)


def start() -> None:
    """Serve with the settings of this process until told to stop."""
    common.launch(from_process("predictor"), serve)


async def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    with common.open_settings_store(settings) as store:
        predictor = Predictor(settings, store)
        await common.run(settings, predictor.server, warm=predictor.warm, drain=predictor.drain)
