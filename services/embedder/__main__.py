"""`python -m services.embedder`: the embedder as a process, configured by the environment."""

from __future__ import annotations

import asyncio
import os

import graft
from graft.channel import MAX_MESSAGE_BYTES
from graft.common.v1 import info_service_pb2
from graft.content import MAX_TEXT_BYTES
from graft.embedder.v1 import embedder_service_pb2_grpc
from services.common import cpu, server
from services.common.backbones.catalogue import Cache
from services.common.image import DEFAULT_LIMITS
from services.common.settings import Settings, from_process
from services.common.store.base import Store
from services.embedder import wire
from services.embedder.backbones import bundled
from services.embedder.engines.base import EngineOptions
from services.embedder.loaded import Backbones
from services.embedder.loading import Loader
from services.embedder.pipeline import Workshop
from services.embedder.servicer import EmbedderServicer

_SERVICE = "graft.embedder.v1.EmbedderService"


def _options(settings: Settings) -> EngineOptions:
    return EngineOptions(
        kind=settings.engine,
        threads=settings.cpu_threads or cpu.available_threads(),
        gpu_memory_mib=settings.gpu_memory_mib,
        max_batch=settings.max_batch,
    )


def _prepare(store: Store, options: EngineOptions) -> None:
    """In a thread, as importing TensorFlow takes seconds; it is set up before its first use."""
    from services.embedder.engines import runtime

    runtime.configure(options)
    store.probe()
    bundled.ensure(store)


def _info(settings: Settings) -> info_service_pb2.GetServerInfoResponse:
    return info_service_pb2.GetServerInfoResponse(
        service=settings.service,
        version=graft.__version__,
        max_message_bytes=MAX_MESSAGE_BYTES,
        max_items_per_request=_max_items(settings),
        max_image_bytes=DEFAULT_LIMITS.max_bytes,
        max_image_pixels=DEFAULT_LIMITS.max_pixels,
        max_text_bytes=MAX_TEXT_BYTES,
    )


def _max_items(settings: Settings) -> int:
    return min(wire.MAX_ITEMS, settings.queue_items)


class Embedder:
    """Owns the parts of the running service, from listening to drained."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._options = _options(settings)
        self._workshop = Workshop(threads=self._options.threads)
        self.backbones = Backbones(
            store,
            Loader(store, Cache(settings.cache, store), self._options).load,
            self._workshop,
            queue_items=settings.queue_items,
            max_loaded=settings.max_loaded,
            on_death=lambda: self.server.failed.set(),
        )
        servicer = EmbedderServicer(self.backbones, max_items=_max_items(settings))
        add = embedder_service_pb2_grpc.add_EmbedderServiceServicer_to_server
        self.server = server.Server(
            listen=settings.listen,
            servables=[server.Servable(_SERVICE, servicer, add)],
            info=_info(settings),
            reflect=settings.reflection,
        )

    async def warm(self) -> None:
        """Loads the backbones that the settings name, or the bundled one."""
        await asyncio.to_thread(_prepare, self._store, self._options)
        for name in self._settings.backbones or (bundled.NAME,):
            await self.backbones.get(name if "/" in name else f"backbones/{name}")

    async def drain(self) -> None:
        """Finishes what is admitted, then ends the threads."""
        await self.backbones.close(self._settings.grace_s)
        self._workshop.close()


async def main(settings: Settings) -> None:
    """Serves until told to stop."""
    with server.open_settings_store(settings) as store:
        embedder = Embedder(settings, store)
        await server.run(settings, embedder.server, warm=embedder.warm, drain=embedder.drain)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    server.launch(from_process("embedder"), main)
