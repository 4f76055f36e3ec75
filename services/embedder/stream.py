"""EmbedStream: a bounded window of items at work, each answered when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.content import Problem
from graft.embedder.v1 import embedder_service_pb2
from graft.errors import Internal, InvalidArgument, ResourceExhausted
from services.common.admission import Admission
from services.embedder import maps, views, wire
from services.embedder.loaded import Backbones, Loaded
from services.embedder.sized import sized

WINDOW = 64
"""Items of one stream that are at work or answered and not yet taken by the caller."""

WINDOW_BYTES = 64 << 20
"""What the requests of those may take; a single larger one is worked on alone."""

_OF_THE_ITEM = (InvalidArgument, ResourceExhausted, Internal)

Request = embedder_service_pb2.EmbedStreamRequest
Response = embedder_service_pb2.EmbedStreamResponse


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the first message settles for the whole stream."""

    loaded: Loaded
    room: Admission
    endpoints: tuple[str, ...]
    dtype: type[np.floating[Any]]
    view: views.View
    deadline: float | None

    async def answer(self, request: Request) -> Response:
        """An error of the item is its answer; any other ends the stream."""
        digest = self.loaded.backbone.digest
        try:
            item = wire.item_of(request.item, "item", self.loaded.backbone)
            await self.room.room(len(item))
            with self.room.admit(len(item)):
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
    backbones: Backbones,
    requests: AsyncIterator[Request],
    room: Admission,
    *,
    deadline: float | None,
) -> AsyncGenerator[Response, None]:
    """Answers in the order of completion. Reads on only while the window has room, so that a
    caller who does not read its answers is not read from either; items wait for `room`, which
    counts their bytes. Holds the backbone to its end.
    """
    window = _Window()
    async with AsyncExitStack() as held:
        reader = _Reader(backbones, room, deadline, held)
        window.begin(reader.read(requests, window))
        try:
            async for response in window.responses():
                yield response
        finally:
            await window.close()


class _Window:
    """Owns the tasks of one stream: its reader, and items up to WINDOW and WINDOW_BYTES."""

    def __init__(self) -> None:
        self._items = self._bytes = 0  # of what is at work, or answered and not taken
        self._taken = asyncio.Event()
        self._done: asyncio.Queue[asyncio.Task[Response | None]] = asyncio.Queue(WINDOW + 1)
        self._tasks: dict[asyncio.Task[Response | None], int] = {}  # and the bytes of its request

    def begin(self, work: Coroutine[Any, Any, Response | None], size: int = 0) -> None:
        """Works on something that answers a response, or None if it is the reader."""
        task = asyncio.ensure_future(work)
        self._tasks[task] = size
        task.add_done_callback(self._done.put_nowait)

    async def room(self, size: int) -> None:
        """Waits until one more item of `size` bytes may be worked on, and counts it in."""
        while self._items and (self._items >= WINDOW or self._bytes + size > WINDOW_BYTES):
            self._taken.clear()
            await self._taken.wait()
        self._items += 1
        self._bytes += size

    async def responses(self) -> AsyncIterator[Response]:
        """All responses until reader and items are done; raises what ends the stream early."""
        while self._tasks:
            task = await self._done.get()
            size = self._tasks.pop(task)
            response = task.result()
            if response is not None:
                yield response
                self._items -= 1  # only now has the caller taken it
                self._bytes -= size
                self._taken.set()

    async def close(self) -> None:
        """Ends whatever is still at work."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the requests of one stream; the backbone that the first one names goes into `held`."""

    backbones: Backbones
    room: Admission
    deadline: float | None
    held: AsyncExitStack

    async def read(self, requests: AsyncIterator[Request], window: _Window) -> None:
        """Begins to work on each item when the window has room for it."""
        terms: _Terms | None = None
        async for request in requests:
            if terms is None:
                terms = await self._settled(request)
            size = request.item.ByteSize()
            await window.room(size)
            window.begin(terms.answer(request), size)

    async def _settled(self, first: Request) -> _Terms:
        endpoints, dtype = wire.endpoints_of(first.endpoints), wire.dtype_of(first.dtype)
        view = views.find(first.view)
        name = wire.backbone_of(first.backbone, "backbone")
        if first.maps:
            backbone = sized(await self.backbones.known(name), first.input_size)
            most = maps.MAX_STREAMED_BYTES
            maps.check(backbone, endpoints, dtype, items=1, most_bytes=most)
        holding = self.backbones.hold(name, maps=first.maps, size=first.input_size)
        loaded = await self.held.enter_async_context(holding)
        return _Terms(loaded, self.room, endpoints, dtype, view, self.deadline)
