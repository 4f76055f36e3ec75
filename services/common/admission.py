"""How much may be inside: counted from the door to the answer, whatever is done in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter, Gauge

from graft.errors import Unavailable
from services.common import metrics

_RETRY_MIN_S = 0.05
_RETRY_MAX_S = 5.0
_SMOOTHING = 0.2


@dataclass(frozen=True, slots=True)
class Unit:
    """What is counted, the metrics that tell of it, and how much of it is taken to be answered in
    a second before anything was."""

    name: str
    inside: Gauge
    refused: Counter
    per_s: float


ITEMS: Final = Unit("items", metrics.QUEUE_ITEMS, metrics.DROPPED_ITEMS.labels("overloaded"), 100.0)
BYTES: Final = Unit("bytes", metrics.ADMITTED_BYTES, metrics.REFUSED_BYTES, float(16 << 20))
"""The contents of requests. A limit of them is at least MAX_MESSAGE_BYTES, so that any request is
taken when there is no other."""


class Admission:
    """Owns the count of what is admitted, never above `limit`; told to close, it admits no more.

    Who is refused is told to come back when those inside and those refused before are served: each
    gets a later moment than the one before, so that a crowd does not come back all at once.

    Lives in one event loop.
    """

    def __init__(
        self, limit: int, unit: Unit, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = limit
        self._unit = unit
        self._clock = clock
        self._promised = 0.0  # on the clock: when the last one refused was told to come back
        self.inside = 0
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._left = asyncio.Event()
        self._per_s = unit.per_s

    @contextmanager
    def admit(self, amount: int) -> Iterator[None]:
        """Counts `amount` in for the block. Raises Unavailable with `retry_after_s`."""
        self._check(amount)
        self._count(amount)
        ahead, began = self.inside, self._clock()
        try:
            yield
            self._learn(ahead, self._clock() - began)
        finally:
            self._count(-amount)

    async def room(self, amount: int) -> None:
        """Waits until `amount` could be admitted, or nobody is any more."""
        while not self._closed and self.inside and self.inside + amount > self.limit:
            self._left.clear()
            await self._left.wait()

    def close(self) -> None:
        """Refuses everything from now on."""
        self._closed = True
        self._left.set()

    async def drained(self) -> None:
        """Waits until everything admitted is out again."""
        await self._empty.wait()

    def _check(self, amount: int) -> None:
        if self._closed:
            text = "this server is shutting down; another replica will answer"
            raise Unavailable(text, reason="NOT_SERVING", retry_after_s=_RETRY_MIN_S)
        if self.inside + amount <= self.limit:
            return
        self._unit.refused.inc(amount)
        text = f"this server holds {self.inside} of at most {self.limit} {self._unit.name}"
        raise Unavailable(
            f"{text}; retry later, or send fewer; got {amount} more",
            reason="OVERLOADED",
            metadata={"limit": str(self.limit), "unit": self._unit.name},
            retry_after_s=self._promise(amount),
        )

    def _learn(self, ahead: int, seconds: float) -> None:
        """How fast answers come, for `retry_after_s`: what was inside when one came, itself
        included, is out when it goes."""
        self._per_s += _SMOOTHING * (ahead / max(seconds, 1e-6) - self._per_s)

    def _promise(self, amount: int) -> float:
        """Seconds until `amount` could be served after all who are inside or were promised."""
        now = self._clock()
        after_all = max(now + self.inside / self._per_s, self._promised)
        self._promised = min(after_all + amount / self._per_s, now + _RETRY_MAX_S)
        return max(self._promised - now, _RETRY_MIN_S)

    def _count(self, amount: int) -> None:
        self.inside += amount
        self._unit.inside.inc(amount)
        if amount < 0:
            self._left.set()
        if self.inside:
            self._empty.clear()
        else:
            self._empty.set()
