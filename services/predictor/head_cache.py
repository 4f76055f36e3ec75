"""Heads in memory: loaded when asked for, given up when others need their room."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import TracebackType
from typing import Final

from graft.errors import Internal, ResourceExhausted, Unavailable
from services.common import metrics
from services.common.detector.detector import Detector
from services.common.heads.head import Head
from services.predictor.served import Revision, Servable
from services.predictor.versions import Held, Refuse, Unload, Wait, make_room

MAX_LOADS: Final = 1024
"""Heads that may be on their way into memory; more are refused."""

ROOM_WAIT_S: Final = 5.0
"""How long a head waits for others to be given back when all are in use."""

_HIT = metrics.HEAD_CACHE.labels("hit")
_MISS = metrics.HEAD_CACHE.labels("miss")
_EVICTED = metrics.HEAD_CACHE.labels("evicted")

Loaded = Head | Detector

Loader = Callable[[Servable], Awaitable[Loaded]]


class Handles:
    """Heads that stay in memory until the `with` block ends, in the order they were asked for."""

    __slots__ = ("_cache", "_entries", "heads")

    def __init__(self, cache: HeadCache, entries: list[_Entry]) -> None:
        self._cache = cache
        self._entries = entries
        self.heads = [entry.ready() for entry in entries]

    def __enter__(self) -> list[Loaded]:
        return self.heads

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cache.release(self._entries)


class _Entry:
    """One head, or the load that will bring it; `users` counts those who hold or await it."""

    __slots__ = ("head", "load", "servable", "size_bytes", "users")

    def __init__(self, servable: Servable) -> None:
        self.servable = servable
        self.size_bytes = 0  # counted once there is room for it
        self.users = 0
        self.head: Loaded | None = None
        self.load: asyncio.Task[None] | None = None

    def ready(self) -> Loaded:
        if self.head is None:
            raise Internal(f"the head of {self.servable.text} was handed out before it was loaded")
        return self.head


class HeadCache:
    """Owns the heads in memory, least recently used first, within `budget_bytes`.

    Of any number of callers who want a head that is not there, one load answers all. The load is a
    task of the cache's own: a caller who goes away takes only itself out of the count.
    """

    def __init__(self, load: Loader, *, budget_bytes: int) -> None:
        self._load = load
        self._budget = budget_bytes
        self._entries: OrderedDict[Revision, _Entry] = OrderedDict()
        self._used = 0
        self._loading: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._many = asyncio.Lock()

    @property
    def used_bytes(self) -> int:
        """What the heads held, and those whose load has begun, take."""
        return self._used

    def __len__(self) -> int:
        return len(self._entries) - len(self._loading)

    def __contains__(self, revision: Revision) -> bool:
        entry = self._entries.get(revision)
        return entry is not None and entry.head is not None

    async def acquire(self, servables: Sequence[Servable]) -> Handles:
        """Hold the heads of distinct versions, loading those that are not there.

        Raises ResourceExhausted when they are larger than the whole cache, Unavailable when no room
        is given back in time, and whatever the load raises.
        """
        if all(servable.revision in self for servable in servables):
            return Handles(self, [self._take(servable) for servable in servables])
        self._check_size(servables)
        if len(servables) == 1:
            return Handles(self, await self._collect(servables))
        # Two callers who each hold half of their heads could wait for each other's for ever.
        async with self._many:
            return Handles(self, await self._collect(servables))

    async def load(self, servable: Servable) -> None:
        """Bring a head into memory and let it go again, for those who will ask for it next."""
        with await self.acquire([servable]):
            pass

    async def _collect(self, servables: Sequence[Servable]) -> list[_Entry]:
        taken: list[_Entry] = []
        try:
            for servable in servables:
                taken.append(self._take(servable))
            # Noted now: one that fails while another is waited for must still be heard of.
            for load in [entry.load for entry in taken if entry.load is not None]:
                await asyncio.shield(load)
        except BaseException:
            self.release(taken)
            raise
        return taken

    def _take(self, servable: Servable) -> _Entry:
        """Count one user more of a head, whose load may still be under way."""
        entry = self._entries.get(servable.revision)
        if entry is None:
            _MISS.inc()
            entry = self._begin(servable)
        else:
            _HIT.inc()
            self._entries.move_to_end(servable.revision)
        entry.users += 1
        return entry

    def release(self, entries: list[_Entry]) -> None:
        """Count one user less of each; called once by whoever took them."""
        for entry in entries:
            entry.users -= 1
        self._freed.set()

    def _begin(self, servable: Servable) -> _Entry:
        if len(self._loading) >= MAX_LOADS:
            raise Unavailable(
                f"{MAX_LOADS} heads are being loaded already; retry. Received: {servable.text}",
                reason="OVERLOADED",
                metadata={"limit": str(MAX_LOADS), "unit": "heads"},
                retry_after_s=0.5,
            )
        entry = self._entries[servable.revision] = _Entry(servable)
        entry.load = asyncio.get_running_loop().create_task(self._fill(entry))
        self._loading.add(entry.load)
        entry.load.add_done_callback(lambda task: self._loaded(entry, task))
        return entry

    async def _fill(self, entry: _Entry) -> None:
        await self._reserve(entry, entry.servable.size_bytes)
        entry.head = await self._load(entry.servable)

    def _loaded(self, entry: _Entry, task: asyncio.Task[None]) -> None:
        """End a load: what failed leaves no trace but the error, which every waiter gets."""
        self._loading.discard(task)
        entry.load = None
        if task.cancelled() or task.exception() is not None:
            self._forget(entry)
        self._publish()

    async def _reserve(self, entry: _Entry, size_bytes: int) -> None:
        """Count a head's bytes once they fit, giving up others that nobody uses."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ROOM_WAIT_S
        while isinstance(self._make_room(entry, size_bytes), Wait):
            self._freed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._freed.wait()
            except TimeoutError as error:
                raise self._full(entry) from error
        entry.size_bytes = size_bytes
        self._used += size_bytes

    def _make_room(self, entry: _Entry, size_bytes: int) -> Wait | None:
        while True:
            action = make_room(
                self._held(),
                used_bytes=self._used,
                extra_bytes=size_bytes,
                budget_bytes=self._budget,
            )
            match action:
                case None | Wait():
                    return action
                case Refuse():
                    raise self._too_large([entry.servable])
                case Unload(key=str() as key):
                    _EVICTED.inc()
                    self._forget(self._entries[key])

    def _held(self) -> Iterator[Held]:
        """The heads that are there; one still loading is never idle and not listed."""
        for key, entry in self._entries.items():
            if entry.head is not None:
                yield Held(key, entry.size_bytes, entry.users)

    def _forget(self, entry: _Entry) -> None:
        del self._entries[entry.servable.revision]
        self._used -= entry.size_bytes
        self._freed.set()

    def _publish(self) -> None:
        metrics.HEAD_CACHE_BYTES.set(self._used)
        metrics.HEAD_CACHE_HEADS.set(len(self))

    def _check_size(self, servables: Sequence[Servable]) -> None:
        if sum(servable.size_bytes for servable in servables) > self._budget:
            raise self._too_large(servables)

    def _too_large(self, servables: Sequence[Servable]) -> ResourceExhausted:
        total = sum(servable.size_bytes for servable in servables)
        return ResourceExhausted(
            f"the head cache holds {self._budget} bytes; raise GRAFT_HEAD_CACHE_MIB or ask for"
            f" fewer or smaller models at once. Received: {total} bytes in {len(servables)} models,"
            f" {servables[0].text} first",
            metadata={"limit": str(self._budget), "unit": "bytes"},
        )

    def _full(self, entry: _Entry) -> Unavailable:
        return Unavailable(
            f"all heads in the cache of {self._budget} bytes are in use; retry, or raise"
            f" GRAFT_HEAD_CACHE_MIB. Received: {entry.servable.text}",
            reason="OVERLOADED",
            metadata={"limit": str(self._budget), "unit": "bytes"},
            retry_after_s=0.5,
        )

    async def close(self) -> None:
        """End the loads under way."""
        for task in list(self._loading):
            task.cancel()
        await asyncio.gather(*self._loading, return_exceptions=True)
