"""EmbedStream: a bounded window of items at work, each answered when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.content import Problem
from graft.embedder.v1 import embedder_service_pb2
from graft.errors import Internal, InvalidArgument, ResourceExhausted
from services.embedder import maps, views, wire
from services.embedder.loaded import Backbones, Loaded
from services.embedder.sized import sized

WINDOW = 64
"""Items of one stream that are at work or answered and not yet taken by the caller."""

_OF_THE_ITEM = (InvalidArgument, ResourceExhausted, Internal)

Request = embedder_service_pb2.EmbedStreamRequest
Response = embedder_service_pb2.EmbedStreamResponse


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the first message settles for the whole stream."""

    loaded: Loaded
    endpoints: tuple[str, ...]
    dtype: type[np.floating[Any]]
    view: views.View
    deadline: float | None

    async def answer(self, request: Request) -> Response:
        """An error of the item is its answer; any other ends the stream."""
        digest = self.loaded.backbone.digest
        try:
            item = wire.item_of(request.item, "item", self.loaded.backbone)
            answer = await self.loaded.pipeline.embed_patiently(
                item, self.endpoints, view=self.view, deadline=self.deadline
            )
        except _OF_THE_ITEM as error:
            return Response(
                id=request.id, problem=Problem.from_error(error).to_proto(), backbone_digest=digest
            )
        rows = {name: vectors[0] for name, vectors in answer.vectors.items()}
        outputs = wire.outputs_of(rows, self.dtype)
        return Response(id=request.id, outputs=outputs, backbone_digest=digest)


async def embed_stream(
    backbones: Backbones, requests: AsyncIterator[Request], *, deadline: float | None
) -> AsyncIterator[Response]:
    """Answers in the order of completion. Reads on only while the window has room, so that a
    caller who does not read its answers is not read from either. Holds the backbone to its end.
    """
    window = _Window()
    async with AsyncExitStack() as held:
        window.begin(_read(backbones, requests, deadline, window, held))
        try:
            async for response in window.responses():
                yield response
        finally:
            await window.close()


class _Window:
    """Owns the tasks of one stream: its reader and at most WINDOW items."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(WINDOW)
        self._done: asyncio.Queue[asyncio.Task[Response | None]] = asyncio.Queue(WINDOW + 1)
        self._tasks: set[asyncio.Task[Response | None]] = set()

    def begin(self, work: Coroutine[Any, Any, Response | None]) -> None:
        """Works on something that answers a response, or None if it is the reader."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done.put_nowait)

    async def room(self) -> None:
        """Waits until one more item may be worked on."""
        await self._room.acquire()

    async def responses(self) -> AsyncIterator[Response]:
        """All responses until reader and items are done; raises what ends the stream early."""
        while self._tasks:
            task = await self._done.get()
            self._tasks.discard(task)
            response = task.result()
            if response is not None:
                yield response
                self._room.release()  # only now has the caller taken it

    async def close(self) -> None:
        """Ends whatever is still at work."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _settled(
    backbones: Backbones, first: Request, deadline: float | None, held: AsyncExitStack
) -> _Terms:
    endpoints, dtype = wire.endpoints_of(first.endpoints), wire.dtype_of(first.dtype)
    view = views.find(first.view)
    name = wire.backbone_of(first.backbone, "backbone")
    if first.maps:
        backbone = sized(await backbones.known(name), first.input_size)
        most = maps.MAX_STREAMED_BYTES
        maps.check(backbone, endpoints, dtype, items=1, most_bytes=most)
    holding = backbones.hold(name, maps=first.maps, size=first.input_size)
    loaded = await held.enter_async_context(holding)
    return _Terms(loaded, endpoints, dtype, view, deadline)


async def _read(
    backbones: Backbones,
    requests: AsyncIterator[Request],
    deadline: float | None,
    window: _Window,
    held: AsyncExitStack,
) -> None:
    terms: _Terms | None = None
    async for request in requests:
        if terms is None:
            terms = await _settled(backbones, request, deadline, held)
        await window.room()
        window.begin(terms.answer(request))
