"""Items in, vectors out, in the process: order, errors by item, timings, bounds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from graft.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted, Unavailable
from services.common.image import ImageLimits, decode, decode_picture
from services.embedder import pipeline as pipeline_module
from services.embedder.batching.batcher import Batcher
from services.embedder.pipeline import Pipeline, Workshop
from services.embedder.preprocess import Preprocess
from tests.support.engines import SIDE, FakeEngine
from tests.support.images import encode, picture
from tests.support.waiting import until

PREPROCESS = Preprocess(SIDE, SIDE, 0.0, 1.0)


class Line:
    """A pipeline on a fake engine."""

    def __init__(self, *, limit: int = 64) -> None:
        self.engine = FakeEngine()
        self.workshop = Workshop(threads=2, limits=ImageLimits(max_pixels=100_000))
        batcher = Batcher(
            self.engine, self.workshop.device, limit_items=limit, on_death=lambda: None
        )
        batcher.start()
        self.pipeline = Pipeline(self.engine, PREPROCESS, self.workshop, batcher)

    async def close(self) -> None:
        await self.pipeline.close(5.0)
        self.workshop.close()


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    yield made
    await made.close()


def image(seed: int) -> bytes:
    return encode(picture(50, 40, seed=seed), "PNG")


def expected(data: bytes, endpoint: str = "default") -> np.ndarray:
    batch = PREPROCESS(decode(data))[None]
    return np.asarray(FakeEngine().run(batch, (endpoint,))[endpoint][0])


async def test_vectors_come_in_the_order_of_the_items(line: Line) -> None:
    items = [image(seed) for seed in range(20)]
    answer = await line.pipeline.embed(items, ("map", "default"))
    assert list(answer.vectors) == ["map", "default"]
    assert answer.vectors["map"].shape == (20, 8)
    for row, data in enumerate(items):
        for name, vectors in answer.vectors.items():
            assert np.allclose(vectors[row], expected(data, name), atol=1e-5)


async def test_requests_at_once_share_batches_and_get_their_own(line: Line) -> None:
    items = [image(seed) for seed in range(24)]
    answers = await asyncio.gather(*(line.pipeline.embed([data]) for data in items))
    for data, answer in zip(items, answers, strict=True):
        assert np.allclose(answer.vectors["default"][0], expected(data), atol=1e-5)


@pytest.mark.parametrize("count", [1, 40])
async def test_the_timings_add_up_to_the_time_of_the_request(line: Line, count: int) -> None:
    started = time.monotonic()
    timings = (await line.pipeline.embed([image(1)] * count)).timings
    total = time.monotonic() - started
    parts = (timings.decode_s, timings.queue_s, timings.device_s)
    assert all(part >= 0 for part in parts)
    assert sum(parts) == pytest.approx(total, abs=0.02)


async def test_of_several_bad_items_the_first_is_named(line: Line) -> None:
    items = [image(0), image(1), b"bad", image(3), b"", image(5)]
    with pytest.raises(InvalidArgument, match=r"items\[2\]: .* got 3 bytes") as caught:
        await line.pipeline.embed(items)
    assert caught.value.reason == "IMAGE_UNDECODABLE"
    assert caught.value.field == "items[2].image"
    assert caught.value.metadata["index"] == "2"
    assert line.pipeline.inside == 0


async def test_a_single_bad_item_is_named_too_and_a_patient_one_is_not(line: Line) -> None:
    with pytest.raises(InvalidArgument, match=r"^items\[0\]"):
        await line.pipeline.embed([b""])
    with pytest.raises(InvalidArgument, match=r"^an image is empty"):
        await line.pipeline.embed_patiently(b"")


async def test_an_image_beyond_the_limits_is_its_items_error(line: Line) -> None:
    big = encode(picture(500, 400), "PNG")
    with pytest.raises(ResourceExhausted, match=r"items\[1\]: an image exceeds") as caught:
        await line.pipeline.embed([image(0), big])
    assert caught.value.reason == "IMAGE_TOO_LARGE"
    assert caught.value.metadata["limit"] == "100000"


async def test_an_endpoint_that_is_none_is_named_with_those_that_are(line: Line) -> None:
    with pytest.raises(InvalidArgument, match=r"default, map; got 'stride64'") as caught:
        await line.pipeline.embed([image(0)], ("default", "stride64"))
    assert caught.value.field == "endpoints[1]"


async def test_an_item_whose_time_is_up_is_not_even_decoded(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "decode_picture", lambda *_, **__: 1 / 0)
    with pytest.raises(DeadlineExceeded):
        await line.pipeline.embed([image(0)], deadline=time.monotonic())
    assert line.engine.batches == []


async def test_a_request_larger_than_the_room_is_refused_whole() -> None:
    line = Line(limit=4)
    with pytest.raises(Unavailable, match=r"at most 4 items.* got 5 more"):
        await line.pipeline.embed([image(n) for n in range(5)])
    assert line.engine.batches == []
    assert (await line.pipeline.embed([image(0)] * 4)).vectors["default"].shape == (4, 6)
    await line.close()


async def test_patient_items_wait_for_room_and_are_all_answered() -> None:
    line = Line(limit=2)
    answers = await asyncio.gather(
        *(line.pipeline.embed_patiently(image(seed)) for seed in range(30))
    )
    for seed, answer in enumerate(answers):
        assert np.allclose(answer.vectors["default"][0], expected(image(seed)), atol=1e-5)
    await line.close()


async def test_a_caller_who_leaves_gives_everything_back(line: Line) -> None:
    line.engine.gate = gate = threading.Event()
    task = asyncio.ensure_future(line.pipeline.embed([image(n) for n in range(30)]))
    await until(lambda: line.engine.batches)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert line.pipeline.inside == 0
    gate.set()
    line.engine.gate = None
    assert (await line.pipeline.embed([image(1)])).vectors["default"].shape == (1, 6)


@pytest.mark.parametrize("fitting", [0, 1, 3])
async def test_decoded_images_are_bounded_by_their_bytes_and_one_always_fits(
    monkeypatch: pytest.MonkeyPatch, fitting: int
) -> None:
    monkeypatch.setattr(pipeline_module, "DECODED_BYTES", fitting * SIDE * SIDE * 3 * 4 + 1)
    line = Line()
    decoded: list[int] = []

    def counting(data: bytes, **options: Any) -> Any:
        decoded.append(len(data))
        return decode_picture(data, **options)

    monkeypatch.setattr(pipeline_module, "decode_picture", counting)
    line.engine.gate = gate = threading.Event()
    task = asyncio.ensure_future(line.pipeline.embed([image(n) for n in range(12)]))
    await until(lambda: line.engine.batches)
    await until(lambda: len(line.pipeline._batcher._open) == max(1, fitting))
    assert len(decoded) == max(1, fitting)
    gate.set()
    assert (await task).vectors["default"].shape == (12, 6)
    await line.close()


async def test_a_big_request_leaves_room_for_a_small_one_beside_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "WINDOW", 4)
    big = asyncio.ensure_future(line.pipeline.embed([image(0)] * 60))
    await until(lambda: line.engine.batches)
    await line.pipeline.embed([image(1)])
    assert not big.done()
    await big
