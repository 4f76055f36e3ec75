"""What the health service says, and to whom it goes on saying it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer

LIVENESS: Final = "liveness"


class Health:
    """Owns what the health service says; `liveness` is not touched by it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = ("", *names)
        self.servicer = _Watchable()

    async def begin(self) -> None:
        """The process lives, but does not serve yet."""
        await self.servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self.set(False)

    async def set(self, serving: bool) -> None:
        """Say of all names whether they serve."""
        states = health_pb2.HealthCheckResponse
        for name in self._names:
            await self.servicer.set(name, states.SERVING if serving else states.NOT_SERVING)

    def close(self) -> None:
        """End all watches: their streams would hold a stopping server until its grace is over."""
        self.servicer.closing.set()


class _Watchable(HealthServicer):  # type: ignore[misc]  # the package has no types
    """The library's servicer, but its watches end by themselves when the server does."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = asyncio.Event()

    async def Watch(self, request: Any, context: Any) -> None:
        """Tell every change until the caller goes, or the server closes."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            await asyncio.wait({watching, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            closing.cancel()
            await asyncio.gather(watching, closing, return_exceptions=True)
