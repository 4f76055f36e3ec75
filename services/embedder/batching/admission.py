"""How many items may be inside: counted from the door to the answer, decoding included."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from graft.errors import Unavailable
from services.common import metrics

_RETRY_MIN_S = 0.05
_RETRY_MAX_S = 5.0
_SMOOTHING = 0.2


class Admission:
    """Owns the count of admitted items, never above `limit`; told to close, it admits no more.

    Who is refused is told to come back when those inside and those refused before are served: each
    gets a later moment than the one before, so that a crowd does not come back all at once.

    Lives in one event loop.
    """

    def __init__(self, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._promised = 0.0  # on the clock: when the last one refused was told to come back
        self.inside = 0
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._left = asyncio.Event()
        self._items_per_s = 100.0

    @contextmanager
    def admit(self, items: int) -> Iterator[None]:
        """Counts `items` in for the block. Raises Unavailable with `retry_after_s`."""
        self._check(items)
        self._count(items)
        try:
            yield
        finally:
            self._count(-items)

    async def room(self, items: int) -> None:
        """Waits until `items` could be admitted, or nobody is any more."""
        while not self._closed and self.inside and self.inside + items > self.limit:
            self._left.clear()
            await self._left.wait()

    def observe(self, items: int, seconds: float) -> None:
        """Learns how fast items are answered, for `retry_after_s`."""
        rate = items / max(seconds, 1e-6)
        self._items_per_s += _SMOOTHING * (rate - self._items_per_s)

    def close(self) -> None:
        """Refuses everything from now on."""
        self._closed = True
        self._left.set()

    async def drained(self) -> None:
        """Waits until everything admitted is out again."""
        await self._empty.wait()

    def _check(self, items: int) -> None:
        if self._closed:
            text = "this embedder is shutting down; another replica will answer"
            raise Unavailable(text, reason="NOT_SERVING", retry_after_s=_RETRY_MIN_S)
        if self.inside + items <= self.limit:
            return
        metrics.DROPPED_ITEMS.labels("overloaded").inc(items)
        text = f"the embedder holds {self.inside} of at most {self.limit} items; retry later"
        raise Unavailable(
            f"{text}, or send fewer; got {items} more",
            reason="OVERLOADED",
            metadata={"limit": str(self.limit), "unit": "items"},
            retry_after_s=self._promise(items),
        )

    def _promise(self, items: int) -> float:
        """Seconds until `items` more could be served after all who are inside or were promised."""
        now = self._clock()
        after_all = max(now + self.inside / self._items_per_s, self._promised)
        self._promised = min(after_all + items / self._items_per_s, now + _RETRY_MAX_S)
        return max(self._promised - now, _RETRY_MIN_S)

    def _count(self, items: int) -> None:
        self.inside += items
        metrics.QUEUE_ITEMS.inc(items)
        if items < 0:
            self._left.set()
        if self.inside:
            self._empty.clear()
        else:
            self._empty.set()
