"""The one bridge from an event loop to threads."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from graft.errors import Unavailable

T = TypeVar("T")

MAX_WAITING_PER_THREAD: Final = 64
"""Calls that may wait for each thread; more are refused."""


class Bridge:
    """Owns a pool of threads; blocking calls run there and at most so many of them wait.

    A cancelled caller stops waiting at once; its call, once begun, runs to its end in the thread.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)
        self._name = name
        self._pending = 0
        self._limit = threads * (MAX_WAITING_PER_THREAD + 1)

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call `function(*arguments)` in a thread; raise Unavailable when too many wait."""
        if self._pending >= self._limit:
            raise Unavailable(
                f"{self._limit} calls already wait for the {self._name} threads; retry",
                reason="OVERLOADED",
                metadata={"limit": str(self._limit), "unit": "calls"},
                retry_after_s=0.5,
            )
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        future = self._pool.submit(context.run, function, *arguments)
        self._pending += 1
        # Counted down when the thread is free again, which may be after the caller has gone.
        future.add_done_callback(lambda _: self._release(loop))
        return await asyncio.wrap_future(future)

    def _release(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._count_down)

    def _count_down(self) -> None:
        self._pending -= 1

    def close(self) -> None:
        """Refuse new calls, drop those waiting, wait for those running."""
        self._pool.shutdown(wait=True, cancel_futures=True)
