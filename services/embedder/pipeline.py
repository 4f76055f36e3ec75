"""Items in, vectors out, for one backbone: decode and preprocess in threads, then the batcher.

Knows no protocol: the servicer calls it, and so may any program in its own event loop.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.errors import DeadlineExceeded, GraftError, InvalidArgument, ResourceExhausted
from services.common.blocking import MAX_WAITING_PER_THREAD, Bridge
from services.common.image import DEFAULT_LIMITS, ImageLimits, decode_picture
from services.embedder.batching.batcher import Batcher, Embedded
from services.embedder.device import Device
from services.embedder.engines.base import DEFAULT, Engine, Item, Vectors
from services.embedder.preprocess import Preprocess
from services.embedder.texts import TextIntake
from services.embedder.views import AS_IT_IS, View

SLOTS = 96
"""Images that are decoded, or being decoded, and not yet answered: bounds their memory."""

DECODED_BYTES = 256 << 20
"""The most that the decoded images of one backbone take, which bounds those of large inputs to
fewer than SLOTS; a single one may take more."""

WINDOW = 48
"""Items of one request that are worked on at once, so that others come in between."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds; they add up to the time of the request.

    Of several items the one answered last is told: `decode` and `device` are its own, and `queue`
    is all the time in which it waited, for a thread, for the device or for its turn.
    """

    decode_s: float
    queue_s: float
    device_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """endpoint -> float32 [items, dim], or of an engine of maps [items, h, w, channels], or [items,
    tokens, channels], in the order of the request."""

    vectors: Vectors
    timings: Timings


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a request says of all its items."""

    endpoints: Sequence[str]
    view: View
    deadline: float | None


@dataclass(frozen=True, slots=True)
class _Done:
    embedded: Embedded
    decode_s: float


class Workshop:
    """Owns what all backbones of a process share: the device, the decoding threads, the slots."""

    def __init__(self, *, threads: int, limits: ImageLimits = DEFAULT_LIMITS) -> None:
        self.device = Device()
        self.decoders = Bridge("decode", threads)
        self.limits = limits
        self.slots = asyncio.Semaphore(min(SLOTS, threads * MAX_WAITING_PER_THREAD))

    def close(self) -> None:
        """Ends the threads; close the pipelines first."""
        self.decoders.close()
        self.device.close()


class Pipeline:
    """One backbone at work. Every item passes admission, decoding, the queue and the device."""

    def __init__(
        self,
        engine: Engine,
        intake: Preprocess | TextIntake,
        workshop: Workshop,
        batcher: Batcher,
    ) -> None:
        self.engine = engine
        self._intake = intake
        self._workshop = workshop
        self._batcher = batcher
        self._decoded = asyncio.Semaphore(_slots(intake))

    async def embed(
        self,
        items: Sequence[bytes],
        endpoints: Sequence[str] = (DEFAULT,),
        *,
        view: View = AS_IT_IS,
        deadline: float | None = None,
    ) -> Answer:
        """Embeds all items or raises the error of the first bad one, naming it.

        An item is an image file, or a text in UTF-8. `deadline` is on the clock of time.monotonic.
        Raises Unavailable when there is no room.
        """
        started = time.monotonic()
        self._check_endpoints(endpoints)
        wish = _Wish(endpoints, view, deadline)
        with self._batcher.admit(len(items)):
            if len(items) == 1:
                done = [await self._named(0, items[0], wish)]
            else:
                done = await self._embed_all(items, wish)
        return _answer(done, endpoints, started)

    async def embed_patiently(
        self,
        item: bytes,
        endpoints: Sequence[str] = (DEFAULT,),
        *,
        view: View = AS_IT_IS,
        deadline: float | None = None,
    ) -> Answer:
        """Embeds one item, waiting for room when there is none; for bulk work."""
        started = time.monotonic()
        self._check_endpoints(endpoints)
        wish = _Wish(endpoints, view, deadline)
        await self._batcher.room(1)
        with self._batcher.admit(1):
            done = [await self._one(item, wish)]
        return _answer(done, endpoints, started)

    async def close(self, grace_s: float) -> None:
        """Finishes what is admitted, for `grace_s` at most, and refuses the rest."""
        await self._batcher.close(grace_s)

    @property
    def inside(self) -> int:
        """Items admitted and not answered."""
        return self._batcher.inside

    async def _embed_all(self, items: Sequence[bytes], wish: _Wish) -> list[_Done]:
        """Awaits the items in order, so that of several bad ones the first is named."""
        window = asyncio.Semaphore(WINDOW)

        async def one(index: int) -> _Done:
            async with window:
                return await self._named(index, items[index], wish)

        tasks = [asyncio.ensure_future(one(index)) for index in range(len(items))]
        try:
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _named(self, index: int, data: bytes, wish: _Wish) -> _Done:
        try:
            return await self._one(data, wish)
        except (InvalidArgument, ResourceExhausted) as error:
            raise at_item(error, index, self._kind) from error

    async def _one(self, data: bytes, wish: _Wish) -> _Done:
        async with self._decoded, self._workshop.slots:
            if wish.deadline is not None and time.monotonic() >= wish.deadline:
                text = "the deadline passed before the item was decoded; allow more time"
                raise DeadlineExceeded(text)
            item, decode_s = await self._prepared(data, wish.view)
            embedded = await self._batcher.embed(item, wish.endpoints, wish.deadline)
            return _Done(embedded, decode_s)

    async def _prepared(self, data: bytes, view: View) -> tuple[Item, float]:
        """The item as the engine takes it, and the seconds it took."""
        if isinstance(self._intake, TextIntake):
            return self._intake(data, view), 0.0
        return await self._workshop.decoders.run(_decode, self._intake, self._workshop, data, view)

    @property
    def _kind(self) -> str:
        return "text" if isinstance(self._intake, TextIntake) else "image"

    def _check_endpoints(self, endpoints: Sequence[str]) -> None:
        known = self.engine.dims
        for index, name in enumerate(endpoints):
            if name not in known:
                text = f"the backbone has the endpoints {', '.join(sorted(known))}"
                raise InvalidArgument(f"{text}; got {name!r}", field=f"endpoints[{index}]")


def at_item(error: GraftError, index: int, kind: str) -> GraftError:
    """The same error, of the item at `index` of the request, an `image` or a `text`."""
    return type(error)(
        f"items[{index}]: {error.message}",
        reason=error.reason,
        field=f"items[{index}].{kind}",
        metadata={**error.metadata, "index": str(index)},
        retry_after_s=error.retry_after_s,
    )


def _slots(intake: Preprocess | TextIntake) -> int:
    """How many items may be decoded at once: texts are bounded where they are admitted."""
    if isinstance(intake, TextIntake):
        return SLOTS
    size = math.prod(intake.shape) * np.dtype(np.float32).itemsize
    return max(1, min(SLOTS, DECODED_BYTES // size))


def _decode(
    preprocess: Preprocess, workshop: Workshop, data: bytes, view: View
) -> tuple[NDArray[np.float32], float]:
    """In a thread: float32 [height, width, 3] and the seconds it took."""
    started = time.monotonic()
    picture = decode_picture(data, limits=workshop.limits, size_hint=preprocess.size_hint)
    return preprocess(view(picture)), time.monotonic() - started


def _answer(done: Sequence[_Done], endpoints: Sequence[str], started: float) -> Answer:
    rows = [each.embedded.vectors for each in done]
    vectors = {name: _stacked([row[name] for row in rows]) for name in endpoints}
    return Answer(vectors, _timings(done, time.monotonic() - started))


def _stacked(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """As np.stack; states, whose number of tokens may differ, with zeros behind the shorter."""
    shapes = {row.shape for row in rows}
    if len(shapes) == 1:
        return np.stack(rows)
    stacked = np.zeros((len(rows), *np.max([*shapes], axis=0)), np.float32)
    for place, row in enumerate(rows):
        stacked[place, : len(row)] = row
    return stacked


def _timings(done: Sequence[_Done], total_s: float) -> Timings:
    last = max(done, key=lambda each: each.embedded.ended)
    device_s = last.embedded.ended - last.embedded.started
    return Timings(last.decode_s, max(0.0, total_s - last.decode_s - device_s), device_s)
