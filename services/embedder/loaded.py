"""Which backbones are in memory, under the names that requests use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graft.embedder.v1 import backbone_pb2
from graft.errors import Unavailable
from graft.names import BackboneName
from services.common import metrics
from services.common.backbones import catalogue
from services.common.blocking import Bridge
from services.common.store.base import Store
from services.embedder import maps as feature_maps
from services.embedder import texts
from services.embedder.backbones import bundled
from services.embedder.batching.batcher import Batcher
from services.embedder.engines.base import Engine
from services.embedder.pipeline import Pipeline, Workshop
from services.embedder.preprocess import Preprocess, parse
from services.embedder.sized import sized
from services.embedder.texts import TextIntake

MAX_NAMES = 256
"""Spellings of names that are remembered."""

Load = Callable[[backbone_pb2.Backbone, bool], Engine]
"""Loads the engine of vectors, or with True the engine of maps."""

_Key = tuple[str, bool, str]
"""The digest, whether it is the engine of maps, and the preprocessing, which tells the size."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A backbone that is ready."""

    backbone: backbone_pb2.Backbone
    pipeline: Pipeline


class Backbones:
    """Owns the loaded backbones, one load at a time for each digest.

    A backbone that is asked for maps, or for another input size, is loaded once more for them,
    beside the one that answers vectors: who asks for none neither waits nor pays for it. Each
    counts as one of the `max_loaded` in memory at once; the least recently asked for goes, when it
    is idle.

    A bare name means what it meant when it was first asked for, until `refresh`. Should the batcher
    of one of them die, `on_death` is called. Lives in one event loop.
    """

    def __init__(
        self,
        store: Store,
        load: Load,
        workshop: Workshop,
        *,
        queue_items: int,
        max_loaded: int,
        on_death: Callable[[], None],
    ) -> None:
        self._store = store
        self._load_engine = load
        self._workshop = workshop
        self._queue_items = queue_items
        self._max_loaded = max_loaded
        self._on_death = on_death
        self._reading = Bridge("catalogue", 2)
        self._loading = Bridge("load", 1)
        self._names: dict[str, backbone_pb2.Backbone] = {}
        self._tasks: dict[_Key, asyncio.Task[Loaded]] = {}  # least recently used first

    async def get(self, name: str, *, maps: bool = False, size: Sequence[int] = ()) -> Loaded:
        """The backbone of a name as in requests, loaded if need be; with `maps` it answers maps,
        with a `size` (height, width) it takes pictures of that.

        Raises NotFound, DataLoss, FailedPrecondition (it is unusable), Unavailable (no store),
        InvalidArgument for the size.
        """
        return await self._ready(sized(await self.known(name), size), maps)

    async def known(self, name: str) -> backbone_pb2.Backbone:
        """What the catalogue said of a name when it was first asked for, or refreshed."""
        backbone = self._names.get(name)
        return await self._learn(name) if backbone is None else backbone

    async def refresh(self, name: str) -> Loaded:
        """As `get`, after reading the catalogue anew."""
        return await self._ready(await self._learn(name), maps=False)

    async def find(self, name: str) -> backbone_pb2.Backbone:
        """What the catalogue says of a name now."""
        return await self._reading.run(bundled.find, self._store, BackboneName.parse(name))

    async def names(self) -> list[str]:
        """The names in the catalogue, ascending."""
        return await self._reading.run(catalogue.names, self._store)

    def engine_of(self, digest: str) -> str:
        """The engine that runs a backbone, empty when it is not loaded."""
        for (known, maps, _), task in self._tasks.items():
            if known == digest and not maps and _succeeded(task):
                return task.result().pipeline.engine.name
        return ""

    async def close(self, grace_s: float) -> None:
        """Finishes what is admitted everywhere, refuses the rest."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        closing = [each.pipeline.close(grace_s) for each in results if isinstance(each, Loaded)]
        await asyncio.gather(*closing)
        self._reading.close()
        self._loading.close()

    async def _learn(self, name: str) -> backbone_pb2.Backbone:
        backbone = await self.find(name)
        self._names.pop(name, None)
        while len(self._names) >= MAX_NAMES:
            del self._names[next(iter(self._names))]
        self._names[name] = backbone
        return backbone

    async def _ready(self, backbone: backbone_pb2.Backbone, maps: bool) -> Loaded:
        key = _key(backbone, maps)
        task = self._tasks.pop(key, None)
        if task is None:
            await self._make_room()
            task = self._tasks.pop(key, None) or self._begin(backbone, maps)
        self._tasks[key] = task
        # Shielded: a caller that leaves does not take the load away from the others.
        return task.result() if task.done() else await asyncio.shield(task)

    def _begin(self, backbone: backbone_pb2.Backbone, maps: bool) -> asyncio.Task[Loaded]:
        task = asyncio.ensure_future(self._load(backbone, maps))
        task.add_done_callback(lambda done: self._forget_failed(_key(backbone, maps), done))
        return task

    def _forget_failed(self, key: _Key, task: asyncio.Task[Loaded]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if failed and self._tasks.get(key) is task:
            del self._tasks[key]

    async def _load(self, backbone: backbone_pb2.Backbone, maps: bool) -> Loaded:
        engine = await self._loading.run(self._load_engine, backbone, maps)
        room = min(self._queue_items, feature_maps.room(backbone)) if maps else self._queue_items
        batcher = Batcher(engine, self._workshop.device, limit_items=room, on_death=self._on_death)
        batcher.start()
        metrics.BACKBONES_LOADED.labels(engine.name).inc()
        return Loaded(backbone, Pipeline(engine, intake_of(backbone), self._workshop, batcher))

    async def _make_room(self) -> None:
        """Lets the least recently used idle backbone go when there are as many as may be."""
        if len(self._tasks) < self._max_loaded:
            return
        loaded = [key for key, task in self._tasks.items() if _succeeded(task)]
        idle = (key for key in loaded if self._tasks[key].result().pipeline.inside == 0)
        key = next(idle, None)
        if key is None:
            text = f"this embedder holds {self._max_loaded} backbones, all busy; retry later"
            raise Unavailable(text, reason="OVERLOADED", retry_after_s=1.0)
        pipeline = self._tasks.pop(key).result().pipeline
        metrics.BACKBONES_LOADED.labels(pipeline.engine.name).dec()
        await pipeline.close(0.0)


def _key(backbone: backbone_pb2.Backbone, maps: bool) -> _Key:
    return backbone.digest, maps, backbone.preprocessing


def intake_of(backbone: backbone_pb2.Backbone) -> Preprocess | TextIntake:
    """What stands between a content and the backbone."""
    of_texts = backbone.modality == backbone_pb2.MODALITY_TEXT
    return (texts.parse if of_texts else parse)(backbone.preprocessing)


def _succeeded(task: asyncio.Task[Loaded]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
