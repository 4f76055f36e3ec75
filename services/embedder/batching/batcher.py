"""One task that turns waiting items into device batches and answers each item exactly once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from graft.errors import DeadlineExceeded, Internal, Unavailable
from services.common import metrics
from services.common.admission import ITEMS, Admission
from services.embedder.batching.policy import Decision, Waiting, next_batch
from services.embedder.device import Device
from services.embedder.engines.base import Batch, Engine, Item, Vectors, assemble

_LOG = logging.getLogger(__name__)
_DEATH_RETRY_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Embedded:
    """One item's answer: endpoint -> its row of what the engine answered, float32, and when its
    batch ran (time.monotonic).
    """

    vectors: Mapping[str, NDArray[np.float32]]
    started: float
    ended: float


@dataclass(slots=True, eq=False)
class _Entry:
    item: Item
    endpoints: Sequence[str]
    deadline: float | None
    answer: asyncio.Future[Embedded]
    alone: bool = False

    def seen(self) -> Waiting:
        return Waiting(self.deadline, self.answer.done(), self.alone)

    def expired(self, now: float) -> bool:
        return self.deadline is not None and self.deadline <= now


@dataclass(frozen=True, slots=True)
class _Ran:
    vectors: Vectors
    started: float
    ended: float


@dataclass(slots=True, eq=False)
class _Batch:
    entries: list[_Entry]
    rows: int
    staged: Future[Batch]
    endpoints: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        asked = chain.from_iterable(entry.endpoints for entry in self.entries)
        self.endpoints = tuple(dict.fromkeys(asked))


class Batcher:
    """Owns the queue and every future in it; callers only append, and cancel what is theirs.

    One batch runs on the device while the next one is staged. A batch that fails is not the end of
    its items: each is tried once more alone, so that a poisoned one fails by itself. Should the
    loop die, `on_death` is called and whoever waits, then or later, gets Unavailable.

    Lives in the event loop that `start` is called in.
    """

    def __init__(
        self,
        engine: Engine,
        device: Device,
        *,
        limit_items: int,
        on_death: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._device = device
        self._on_death = on_death
        self._clock = clock
        self._admission = Admission(limit_items, ITEMS)
        self._queue: deque[_Entry] = deque()
        self._open: set[_Entry] = set()  # all that are not answered yet, wherever they are
        self._staging: _Batch | None = None
        self._running: tuple[_Batch, Future[_Ran]] | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to serve."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._supervised(), name="batcher")

    def admit(self, items: int) -> AbstractContextManager[None]:
        """Counts items in, before they are decoded, until the block ends; raises Unavailable."""
        return self._admission.admit(items)

    async def room(self, items: int) -> None:
        """Waits until `items` could be admitted; for callers that would rather wait than fail."""
        await self._admission.room(items)

    @property
    def inside(self) -> int:
        """Items admitted and not yet answered."""
        return self._admission.inside

    async def embed(
        self, item: Item, endpoints: Sequence[str], deadline: float | None = None
    ) -> Embedded:
        """Answers one admitted item as the engine takes it; `deadline` is on the clock.

        Raises DeadlineExceeded when it passes before the device gets there, Unavailable when the
        batcher stops, and what the engine raises for this very item.
        """
        if self._task is None or self._task.done():
            raise _stopped()
        if len(self._queue) >= self._admission.limit:  # only those left by their callers exceed it
            self._queue = deque(entry for entry in self._queue if not entry.answer.done())
        entry = _Entry(item, endpoints, deadline, self._loop.create_future())
        self._queue.append(entry)
        self._open.add(entry)
        self._wake.set()
        try:
            return await entry.answer
        finally:
            self._open.discard(entry)

    async def close(self, grace_s: float) -> None:
        """Refuses new items, finishes the admitted ones for `grace_s`, then stops."""
        self._admission.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._admission.drained()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _supervised(self) -> None:
        try:
            while True:
                self._wake.clear()
                self._step()
                await self._wake.wait()
        except Exception:  # supervised: everyone who waits is answered below
            _LOG.critical("the batcher died; this embedder stops serving", exc_info=True)
            self._on_death()
        finally:
            self._refuse_all()

    def _step(self) -> None:
        """All that can be done now, without waiting; sets `_wake` for what comes later."""
        self._finish_running()
        self._run_staged()
        self._stage_next()
        self._run_staged()  # a batch of one is staged at once

    def _stage_next(self) -> None:
        while self._staging is None and self._queue:
            decision = next_batch(
                (entry.seen() for entry in self._queue),
                now=self._clock(),
                sizes=self._engine.sizes,
            )
            entries = self._take(decision)
            if entries:
                staged = self._stage([entry.item for entry in entries], decision.rows)
                self._staging = _Batch(entries, decision.rows, staged)

    def _take(self, decision: Decision) -> list[_Entry]:
        """Removes what was decided on; answers the expired, hands out the batch."""
        scanned = [self._queue.popleft() for _ in range(decision.scanned)]
        for index in decision.expired:
            _expire(scanned[index])
        metrics.DROPPED_ITEMS.labels("cancelled").inc(len(decision.gone))
        return [scanned[index] for index in decision.batch]

    def _stage(self, items: list[Item], rows: int) -> Future[Batch]:
        if rows == 1:
            done: Future[Batch] = Future()
            done.set_result(assemble(items, 1))
            return done
        return self._notify(self._device.stage(assemble, items, rows))

    def _run_staged(self) -> None:
        batch = self._staging
        if batch is None or self._running is not None or not batch.staged.done():
            return
        self._staging = None
        if (error := batch.staged.exception()) is not None:
            self._fail(batch, error)
        elif self._any_alive(batch):
            run = self._device.run(_run, self._engine, batch.staged.result(), batch.endpoints)
            self._running = (batch, self._notify(run))
        self._wake.set()  # there is room to stage again

    def _any_alive(self, batch: _Batch) -> bool:
        """Whether the batch is worth the device; answers those that expired while staged."""
        for entry in batch.entries:
            if not entry.answer.done() and entry.expired(self._clock()):
                _expire(entry)
        return not all(entry.answer.done() for entry in batch.entries)

    def _finish_running(self) -> None:
        if self._running is None or not self._running[1].done():
            return
        batch, run = self._running
        self._running = None
        if (error := run.exception()) is not None:
            self._fail(batch, error)
        else:
            self._answer(batch, run.result())

    def _answer(self, batch: _Batch, ran: _Ran) -> None:
        for row, entry in enumerate(batch.entries):
            if not entry.answer.done():
                vectors = {name: ran.vectors[name][row] for name in entry.endpoints}
                entry.answer.set_result(Embedded(vectors, ran.started, ran.ended))
        metrics.BATCH_ITEMS.observe(len(batch.entries))
        metrics.PADDED_ITEMS.inc(batch.rows - len(batch.entries))

    def _fail(self, batch: _Batch, error: BaseException) -> None:
        """Fails an item that was by itself; gives each of several one more try alone."""
        waiting = [entry for entry in batch.entries if not entry.answer.done()]
        if len(batch.entries) == 1:
            for entry in waiting:
                entry.answer.set_exception(error)
            return
        _LOG.warning("a batch of %d failed; trying its items alone: %s", len(waiting), error)
        for entry in waiting:
            entry.alone = True
        self._queue.extendleft(reversed(waiting))

    def _notify(self, future: Future[T]) -> Future[T]:
        future.add_done_callback(self._wake_from_thread)
        return future

    def _wake_from_thread(self, _: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._wake.set)

    def _refuse_all(self) -> None:
        self._admission.close()
        for entry in self._open:
            if not entry.answer.done():
                entry.answer.set_exception(_stopped())


def _run(engine: Engine, batch: Batch, endpoints: tuple[str, ...]) -> _Ran:
    started = time.monotonic()
    vectors = engine.run(batch, endpoints)
    for name in endpoints:
        if name not in vectors or len(vectors[name]) != len(batch):
            raise Internal(f"the engine {engine.name} answered no {len(batch)} rows of {name!r}")
    return _Ran(vectors, started, time.monotonic())


def _expire(entry: _Entry) -> None:
    metrics.DROPPED_ITEMS.labels("expired").inc()
    text = "the deadline passed while the item waited for the device; allow more time"
    entry.answer.set_exception(DeadlineExceeded(text))


def _stopped() -> Unavailable:
    text = "this embedder has stopped serving; another replica will answer"
    return Unavailable(text, reason="NOT_SERVING", retry_after_s=_DEATH_RETRY_S)
