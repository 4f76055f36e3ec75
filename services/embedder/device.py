"""The one thread that runs a device: engine calls never overlap and never block an event loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Device:
    """Owns the device thread and the staging thread that assembles the batch after the running one.

    Each batcher has at most one batch running and one staged here, which bounds both queues.
    """

    def __init__(self) -> None:
        self._running = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")
        self._staging = ThreadPoolExecutor(max_workers=1, thread_name_prefix="staging")

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Calls `function` in the device thread, after the calls before it."""
        return self._running.submit(function, *args, **kwargs)

    def stage(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Calls `function` in the staging thread, while the device runs."""
        return self._staging.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Waits for the calls in flight; drops those that have not begun."""
        self._staging.shutdown(wait=True, cancel_futures=True)
        self._running.shutdown(wait=True, cancel_futures=True)
