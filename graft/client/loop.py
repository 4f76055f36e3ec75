"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Final, TypeVar

from graft.errors import Cancelled, FailedPrecondition

_T = TypeVar("_T")
_END: Final = object()

CLOSE_TIMEOUT_S: Final = 10.0


class LoopThread:
    """Owns a loop and the daemon thread that runs it, until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="graft-client", daemon=True
        )
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether `close` has ended it."""
        return self._loop.is_closed()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine there and wait for it; an interrupted wait cancels it.

        Raises Cancelled when the loop is closed meanwhile.
        """
        if self._loop.is_closed() or threading.current_thread() is self._thread:
            work.close()
            raise FailedPrecondition("this client is closed, or called from its own thread")
        # Made here and not by asyncio: an interrupt that comes while the work is handed over must
        # find something to cancel.
        future: concurrent.futures.Future[_T] = concurrent.futures.Future()
        try:
            self._loop.call_soon_threadsafe(_begin, self._loop, work, future)
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise Cancelled("this client was closed while a call of it ran") from error
        finally:
            future.cancel()

    def iterate(self, source: AsyncIterator[_T]) -> Iterator[_T]:
        """Yield what an asynchronous generator yields; it is closed when this one is.

        Also after an interrupted wait, whose step has to unwind before the generator can close.
        """
        turn = asyncio.Lock()
        try:
            while True:
                item = self.run(_next(source, turn))
                if item is _END:
                    return
                yield item
        finally:
            self.run(_close(source, turn))

    def close(self) -> None:
        """Cancel what still runs there, whose waiters are told, and end the thread.

        A second time does nothing.
        """
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._wind_up(), self._loop)
        self._thread.join(CLOSE_TIMEOUT_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _wind_up(self) -> None:
        own = asyncio.current_task()
        left = [task for task in asyncio.all_tasks() if task is not own]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._loop.call_soon(self._loop.stop)  # a step later: the waiters' futures are set first


def _begin(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, _T],
    future: concurrent.futures.Future[_T],
) -> None:
    """In the loop: start the work, which ends with the future, and the future with it."""
    if future.cancelled():
        work.close()
        return
    task = loop.create_task(work)

    def stop(ended: concurrent.futures.Future[_T]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing runs any more
            if ended.cancelled():
                loop.call_soon_threadsafe(task.cancel)

    def tell(_: object) -> None:
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # nobody waits any more
            if task.cancelled():
                future.cancel()
            elif (error := task.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(task.result())

    future.add_done_callback(stop)
    task.add_done_callback(tell)


async def _next(source: AsyncIterator[Any], turn: asyncio.Lock) -> Any:
    async with turn:
        return await anext(source, _END)


async def _close(source: Any, turn: asyncio.Lock) -> None:
    async with turn:
        await source.aclose()
