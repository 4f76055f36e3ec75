"""From a coroutine that makes batches to a thread that writes them, a few at a time."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MAX_WAITING: Final = 2
"""Batches handed over and not taken yet."""


class Feed(Generic[T]):
    """Owns the batches between the two. The coroutine must call `end` on every path, or the thread
    waits for ever; the thread calls `leave` when it wants no more.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(MAX_WAITING)
        self._batches: queue.SimpleQueue[T | BaseException | None] = queue.SimpleQueue()
        self._left = False

    async def put(self, batch: T) -> bool:
        """Hand a batch over, waiting for room; False when the thread wants no more."""
        await self._room.acquire()
        if self._left:
            self._room.release()
            return False
        self._batches.put(batch)
        return True

    def end(self, error: BaseException | None = None) -> None:
        """Say that this was all, or that `error` ended it: the thread's iteration raises it."""
        self._batches.put(error)

    def leave(self) -> None:
        """Say, on the loop, that nobody takes batches any more."""
        self._left = True
        self._room.release()

    def __iter__(self) -> Iterator[T]:
        """The batches, in the thread."""
        while (batch := self._batches.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            self._loop.call_soon_threadsafe(self._room.release)
            yield batch
