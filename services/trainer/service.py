"""The trainer put together: what owns what, how it warms up and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from graft import __version__
from graft.channel import MAX_MESSAGE_BYTES, open_channel
from graft.common.v1 import info_service_pb2
from graft.content import MAX_TEXT_BYTES
from graft.errors import Unavailable
from graft.trainer.v1 import (
    dataset_service_pb2_grpc,
    model_service_pb2_grpc,
    trainer_service_pb2_grpc,
)
from services.common import cpu
from services.common import server as common
from services.common.blocking import Bridge
from services.common.image import DEFAULT_LIMITS
from services.common.settings import Settings
from services.common.store import Store
from services.trainer import dataset_servicer, model_servicer, trainer_servicer
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.importer import MAX_IMPORTS, MAX_ITEMS_PER_MESSAGE, Importer
from services.trainer.data.leaks import LeakFinder
from services.trainer.estimator import Estimator
from services.trainer.jobs.book import JobBook
from services.trainer.jobs.crew import Crew
from services.trainer.jobs.log import JobLog
from services.trainer.jobs.runner import Runner

_LOG = logging.getLogger(__name__)

STORE_THREADS: Final = 8
"""Calls of the store at once, for the log and for the answers of all servicers."""
WARM_PAUSE_S: Final = 0.5
"""Between two questions to a store that does not answer yet."""
MAX_BLAS_THREADS: Final = 4


class _Server(common.Server):
    """Sends watchers away when it stops: they would hold it until their jobs end."""

    def __init__(self, book: JobBook, **parts: Any) -> None:
        super().__init__(**parts)
        self._book = book

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, end the watches, let the other calls finish."""
        await self.health.set(False)
        await self._book.close()
        await super().stop(grace_s)


class Trainer:
    """Owns the threads, the runner with its worker, the channel and the server; the store is its
    caller's. It serves once the log has been read and a worker is warm; the embedder may be away.
    """

    def __init__(self, settings: Settings, store: Store, environ: Mapping[str, str]) -> None:
        self._store = store
        self._bridge = Bridge("store", STORE_THREADS)
        self._decoders = Bridge("decode", _threads(settings))
        self._writers = Bridge("import", MAX_IMPORTS)
        self._channel = open_channel(settings.embedder, retries=False)
        self._book = JobBook(JobLog(store), self._bridge)
        self._runner = Runner(
            book=self._book,
            crew=Crew(worker_environ(settings, environ)),
            store=store,
            bridge=self._bridge,
            max_queued=settings.max_queued_jobs,
            on_death=lambda: self.server.failed.set(),
        )
        self.server = _Server(
            self._book,
            listen=settings.listen,
            servables=[self._datasets(), self._jobs(settings), self._models()],
            info=_info(),
            reflect=settings.reflection,
        )

    def _datasets(self) -> common.Servable:
        catalogue = Catalogue(self._store)
        servicer = dataset_servicer.DatasetServicer(
            catalogue=catalogue,
            importer=Importer(catalogue, decoders=self._decoders, writers=self._writers),
            leaks=LeakFinder(catalogue, self._decoders),
            runner=self._runner,
            bridge=self._bridge,
        )
        add = dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server
        return common.Servable(dataset_servicer.NAME, servicer, add)

    def _jobs(self, settings: Settings) -> common.Servable:
        estimator = Estimator(
            store=self._store,
            book=self._book,
            bridge=self._bridge,
            channel=self._channel,
            embedder=settings.embedder,
        )
        servicer = trainer_servicer.TrainerServicer(
            runner=self._runner,
            book=self._book,
            catalogue=Catalogue(self._store),
            estimator=estimator,
            bridge=self._bridge,
        )
        add = trainer_service_pb2_grpc.add_TrainerServiceServicer_to_server
        return common.Servable(trainer_servicer.NAME, servicer, add)

    def _models(self) -> common.Servable:
        servicer = model_servicer.ModelServicer(self._store, self._bridge)
        add = model_service_pb2_grpc.add_ModelServiceServicer_to_server
        return common.Servable(model_servicer.NAME, servicer, add)

    async def warm(self) -> None:
        """Read the log, take up what was left, and start a worker; wait for the store."""
        while True:
            try:
                await self._bridge.run(self._store.probe)
                await self._runner.start()
                return
            except Unavailable as error:
                _LOG.warning("waiting for the store: %s", error)
            await asyncio.sleep(WARM_PAUSE_S)

    async def drain(self) -> None:
        """Stop the runner and its worker, and give everything back; after the last call."""
        await self._runner.close()
        await self._channel.close()
        for bridge in (self._bridge, self._decoders, self._writers):
            await asyncio.to_thread(bridge.close)


def worker_environ(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker: what we were told, and threads that do not outnumber cores."""
    threads = str(min(_threads(settings), MAX_BLAS_THREADS))
    return {
        **environ,
        "GRAFT_STORE": settings.store_url,
        "GRAFT_EMBEDDER": settings.embedder,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
    }


def _threads(settings: Settings) -> int:
    return settings.cpu_threads or cpu.available_threads()


def _info() -> info_service_pb2.GetServerInfoResponse:
    return info_service_pb2.GetServerInfoResponse(
        service="trainer",
        version=__version__,
        max_message_bytes=MAX_MESSAGE_BYTES,
        max_items_per_request=MAX_ITEMS_PER_MESSAGE,
        max_image_bytes=DEFAULT_LIMITS.max_bytes,
        max_image_pixels=DEFAULT_LIMITS.max_pixels,
        max_text_bytes=MAX_TEXT_BYTES,
    )
