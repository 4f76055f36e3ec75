"""Which backbones are in memory, under the names that requests use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
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

ROOM_WAIT_S = 30.0
"""How long a call waits for one of the loaded backbones to become idle, if its own deadline does
not end it before."""

_RETRY_ELSEWHERE_S = 0.05

Load = Callable[[backbone_pb2.Backbone, bool], Engine]
"""Loads the engine of vectors, or with True the engine of maps."""

_Key = tuple[str, bool, str]
"""The digest, whether it is the engine of maps, and the preprocessing, which tells the size."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A backbone that is ready."""

    backbone: backbone_pb2.Backbone
    pipeline: Pipeline


@dataclass(slots=True, eq=False)
class _Slot:
    """One of the `max_loaded`: a backbone that is loading or loaded, and how many hold it."""

    task: asyncio.Task[Loaded]
    holders: int = 0

    @property
    def ready(self) -> bool:
        return self.task.done() and not self.task.cancelled() and self.task.exception() is None


class Backbones:
    """Owns the loaded backbones, one load at a time for each digest.

    A backbone that is asked for maps, or for another input size, is loaded once more for them,
    beside the one that answers vectors: who asks for none neither waits nor pays for it. Each
    counts as one of the `max_loaded` in memory at once; the least recently asked for goes, when
    nobody holds it. Until one may go, who asks for another one waits.

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
        self._slots: dict[_Key, _Slot] = {}  # least recently used first
        self._leaving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()  # a slot was given up, or has nobody who holds it
        self._closed = False

    @asynccontextmanager
    async def hold(
        self, name: str, *, maps: bool = False, size: Sequence[int] = ()
    ) -> AsyncIterator[Loaded]:
        """The backbone of a name as in requests, loaded if need be, which stays for the block; with
        `maps` it answers maps, with a `size` (height, width) it takes pictures of that.

        Raises NotFound, DataLoss, FailedPrecondition (it is unusable), Unavailable (no store, or no
        room for ROOM_WAIT_S), InvalidArgument for the size.
        """
        async with self._held(sized(await self.known(name), size), maps) as loaded:
            yield loaded

    async def get(self, name: str, *, maps: bool = False, size: Sequence[int] = ()) -> Loaded:
        """As `hold`, for nobody: it stays until there is need of its room."""
        async with self.hold(name, maps=maps, size=size) as loaded:
            return loaded

    async def known(self, name: str) -> backbone_pb2.Backbone:
        """What the catalogue said of a name when it was first asked for, or refreshed."""
        backbone = self._names.get(name)
        return await self._learn(name) if backbone is None else backbone

    async def refresh(self, name: str) -> Loaded:
        """As `get`, after reading the catalogue anew."""
        async with self._held(await self._learn(name), maps=False) as loaded:
            return loaded

    async def find(self, name: str) -> backbone_pb2.Backbone:
        """What the catalogue says of a name now."""
        return await self._reading.run(bundled.find, self._store, BackboneName.parse(name))

    async def names(self) -> list[str]:
        """The names in the catalogue, ascending."""
        return await self._reading.run(catalogue.names, self._store)

    def engine_of(self, digest: str) -> str:
        """The engine that runs a backbone, empty when it is not loaded."""
        for (known, maps, _), slot in self._slots.items():
            if known == digest and not maps and slot.ready:
                return slot.task.result().pipeline.engine.name
        return ""

    async def close(self, grace_s: float) -> None:
        """Finishes what is admitted everywhere, refuses the rest, those who wait for room, too."""
        self._closed = True
        self._changed.set()
        tasks = [slot.task for slot in self._slots.values()]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        closing = [each.pipeline.close(grace_s) for each in results if isinstance(each, Loaded)]
        await asyncio.gather(*closing, *self._leaving)
        self._reading.close()
        self._loading.close()

    async def _learn(self, name: str) -> backbone_pb2.Backbone:
        backbone = await self.find(name)
        self._names.pop(name, None)
        while len(self._names) >= MAX_NAMES:
            del self._names[next(iter(self._names))]
        self._names[name] = backbone
        return backbone

    @asynccontextmanager
    async def _held(self, backbone: backbone_pb2.Backbone, maps: bool) -> AsyncIterator[Loaded]:
        slot = await self._found(backbone, maps)
        try:
            if not slot.task.done():
                # Waited for, not awaited: who leaves does not take the load away from the others.
                await asyncio.wait([slot.task])
            if slot.task.cancelled():
                raise _closing()
            yield slot.task.result()
        finally:
            slot.holders -= 1
            self._changed.set()

    async def _found(self, backbone: backbone_pb2.Backbone, maps: bool) -> _Slot:
        """The slot of a backbone, held once more; waits for one where all are in use."""
        try:
            async with asyncio.timeout(ROOM_WAIT_S):
                while (slot := self._taken(backbone, maps)) is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise Unavailable(
                f"the {self._max_loaded} backbones that this embedder may hold were all busy for"
                f" {ROOM_WAIT_S:.0f} s; retry later",
                reason="OVERLOADED",
                metadata={"limit": str(self._max_loaded), "unit": "backbones"},
                retry_after_s=1.0,
            ) from error
        return slot

    def _taken(self, backbone: backbone_pb2.Backbone, maps: bool) -> _Slot | None:
        """Takes a slot, or finds out that there is none, in one step that nothing comes between."""
        if self._closed:
            raise _closing()
        key = _key(backbone, maps)
        slot = self._slots.pop(key, None)
        if slot is None and self._has_room():
            slot = _Slot(asyncio.ensure_future(self._load(backbone, maps)))
            slot.task.add_done_callback(lambda _: self._loaded(key, slot))
        if slot is not None:
            self._slots[key] = slot
            slot.holders += 1
        return slot

    def _has_room(self) -> bool:
        """Whether one more may be loaded: lets the least recently used one that is idle go."""
        if len(self._slots) < self._max_loaded:
            return True
        for key, slot in self._slots.items():
            if slot.ready and not slot.holders:
                del self._slots[key]
                self._let_go(slot.task.result().pipeline)
                return True
        return False

    def _let_go(self, pipeline: Pipeline) -> None:
        metrics.BACKBONES_LOADED.labels(pipeline.engine.name).dec()
        leaving = asyncio.ensure_future(pipeline.close(0.0))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _loaded(self, key: _Key, slot: _Slot) -> None:
        """A load is over: one that failed is forgotten, one that nobody waits for may go."""
        if not slot.ready and self._slots.get(key) is slot:
            del self._slots[key]
        self._changed.set()

    async def _load(self, backbone: backbone_pb2.Backbone, maps: bool) -> Loaded:
        if self._leaving:
            await asyncio.wait(self._leaving)  # two in the place of one would be too much memory
        engine = await self._loading.run(self._load_engine, backbone, maps)
        room = min(self._queue_items, feature_maps.room(backbone)) if maps else self._queue_items
        batcher = Batcher(engine, self._workshop.device, limit_items=room, on_death=self._on_death)
        batcher.start()
        metrics.BACKBONES_LOADED.labels(engine.name).inc()
        return Loaded(backbone, Pipeline(engine, intake_of(backbone), self._workshop, batcher))


def _key(backbone: backbone_pb2.Backbone, maps: bool) -> _Key:
    return backbone.digest, maps, backbone.preprocessing


def intake_of(backbone: backbone_pb2.Backbone) -> Preprocess | TextIntake:
    """What stands between a content and the backbone."""
    of_texts = backbone.modality == backbone_pb2.MODALITY_TEXT
    return (texts.parse if of_texts else parse)(backbone.preprocessing)


def _closing() -> Unavailable:
    text = "this embedder is shutting down; another replica will answer"
    return Unavailable(text, reason="NOT_SERVING", retry_after_s=_RETRY_ELSEWHERE_S)
