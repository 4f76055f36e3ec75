"""The predictor under pressure: many models, little memory, callers who leave, no embedder."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from graft import errors
from graft.channel import open_channel
from graft.common.v1 import content_pb2
from graft.predictor.v1 import predictor_service_pb2 as pb
from graft.predictor.v1 import predictor_service_pb2_grpc
from graft.status import from_rpc_error
from services.common import metrics
from services.common.heads.linear import LinearHead
from services.common.store import Store, open_store
from services.predictor import router, servicer
from tests.support.predictor import (
    DIM,
    OTHER_BACKBONE,
    PROJECT,
    Running,
    linear,
    png,
    publish,
    request,
    running_predictor,
    sure,
)

MIB = 1 << 20
WIDE = 4096
"""Labels that make a head of a quarter of a MiB, labels not counted."""


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"), {})


@pytest.fixture
async def running(folder: Store) -> AsyncIterator[Running]:
    async with running_predictor(folder, GRAFT_HEAD_CACHE_MIB="1") as started:
        yield started


async def failure(call: Any) -> errors.GraftError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value, target="the predictor")


def large(seed: int, classes: int = WIDE) -> LinearHead:
    return linear([f"{seed}-{i}" for i in range(classes)], seed=seed)


async def test_many_models_share_a_small_cache_and_all_answer(
    running: Running, folder: Store
) -> None:
    for number in range(6):
        await asyncio.to_thread(publish, folder, f"m{number}", large(number))
    evicted = metrics.HEAD_CACHE.labels("evicted")._value
    before = evicted.get()

    async def ask(number: int) -> None:
        label = await running.label(f"m{number % 6}")
        assert label.startswith(f"{number % 6}-")
        assert running.predictor.heads.used_bytes <= MIB

    for _ in range(3):
        await asyncio.gather(*(ask(number) for number in range(12)))
    assert evicted.get() > before
    assert 0 < metrics.HEAD_CACHE_BYTES._value.get() <= MIB


async def test_a_head_larger_than_the_cache_says_so(running: Running, folder: Store) -> None:
    publish(folder, "huge", large(0, classes=5 * WIDE))
    publish(folder, "pets", sure("cat"))
    error = await failure(running.predict("huge"))
    assert isinstance(error, errors.ResourceExhausted)
    assert "GRAFT_HEAD_CACHE_MIB" in str(error)
    assert running.embedder.asked == []
    assert await running.label("pets") == "cat"


async def test_heads_that_fit_one_by_one_but_not_together_say_so(
    running: Running, folder: Store
) -> None:
    for number in range(6):
        publish(folder, f"m{number}", large(number, classes=WIDE // 2))
    many = pb.PredictManyRequest(items=[content_pb2.Content(image=png())])
    many.models.extend(f"{PROJECT}/models/m{number}" for number in range(6))
    error = await failure(running.stub.PredictMany(many))
    assert isinstance(error, errors.ResourceExhausted)
    assert "6 models" in str(error)
    del many.models[1:]
    assert len((await running.stub.PredictMany(many)).results) == 1


@pytest.mark.slow
async def test_thousands_of_heads_are_each_served_in_bounded_memory(
    running: Running, folder: Store
) -> None:
    count = 2000
    await asyncio.to_thread(_publish_all, folder, count)
    for number in range(100):  # memory that every process grows to at first
        await running.predict(f"m{number}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for start in range(0, count, 20):
        asked = range(start, start + 20)
        labels = await asyncio.gather(*(running.label(f"m{number}") for number in asked))
        assert labels == [f"is {number}" for number in asked]
    heads = running.predictor.heads
    assert heads.used_bytes <= MIB
    assert 100 < len(heads) < count
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 24 * 1024  # KiB: what 2,000 names cost, and noise


def _publish_all(folder: Store, count: int) -> None:
    def one(number: int) -> None:
        publish(folder, f"m{number}", sure(f"is {number}"))

    with ThreadPoolExecutor(8) as threads:  # each waits for the disk most of its time
        list(threads.map(one, range(count)))


async def test_one_caller_who_leaves_takes_no_other_along(running: Running, folder: Store) -> None:
    publish(folder, "pets", sure("cat"))
    running.embedder.gate.clear()
    calls = [asyncio.ensure_future(running.predict("pets")) for _ in range(8)]
    await _until(lambda: len(running.embedder.asked) == 8)
    calls[3].cancel()
    await _until(lambda: running.embedder.cancelled == 1)
    running.embedder.gate.set()
    for index, call in enumerate(calls):
        if index != 3:
            assert (await call).predictions[0].label == "cat"
    assert running.embedder.cancelled == 1


async def test_one_caller_who_leaves_a_cold_head_takes_no_other_along(
    running: Running, folder: Store
) -> None:
    publish(folder, "pets", large(1))
    calls = [asyncio.ensure_future(running.predict("pets")) for _ in range(8)]
    await asyncio.sleep(0.002)
    calls[0].cancel()
    for call in calls[1:]:
        assert (await call).predictions
    assert running.predictor.heads.used_bytes <= MIB


async def test_a_deadline_ends_the_call_and_the_embedder_is_told(
    running: Running, folder: Store
) -> None:
    publish(folder, "pets", sure("cat"))
    await running.predict("pets")
    running.embedder.left.clear()
    running.embedder.gate.clear()
    error = await failure(running.predict("pets", timeout=0.3))
    assert isinstance(error, errors.DeadlineExceeded)
    async with asyncio.timeout(5):
        await running.embedder.left.wait()
    assert running.embedder.cancelled == 1
    running.embedder.gate.set()
    assert await running.label("pets") == "cat"  # nothing is held by the call that ended


async def test_an_embedder_that_is_gone_is_named(running: Running, folder: Store) -> None:
    publish(folder, "pets", sure("cat"))
    assert await running.label("pets") == "cat"
    await running.embedder_server.stop(0)
    error = await failure(running.predict("pets"))
    assert isinstance(error, errors.Unavailable)
    assert running.embedder_server.address in str(error)
    assert "embedder" in str(error)


async def test_an_overloaded_embedder_keeps_its_reason(running: Running, folder: Store) -> None:
    publish(folder, "pets", sure("cat"))
    running.embedder.failure = errors.Unavailable(
        "1024 items wait already. Received: 1", reason="OVERLOADED", retry_after_s=0.25
    )
    error = await failure(running.predict("pets"))
    assert isinstance(error, errors.Unavailable)
    assert (error.reason, error.retry_after_s) == ("OVERLOADED", 0.25)


@pytest.mark.parametrize("many", [False, True])
async def test_requests_are_bounded_by_their_bytes_and_one_is_taken_when_idle(
    folder: Store, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    publish(folder, "pets", sure("cat"))
    asked = request("pets", *[png()] * 3)
    size = sum(item.ByteSize() for item in asked.items)
    monkeypatch.setattr(servicer, "ADMITTED_BYTES", 2 * size - 1)
    async with running_predictor(folder) as running:
        address = running.predictor.server.address
        options = [("grpc.enable_retries", 0)]
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            stub = predictor_service_pb2_grpc.PredictorServiceStub(channel)
            message: Any = asked
            if many:
                message = pb.PredictManyRequest(models=[asked.model], items=asked.items)
            call = stub.PredictMany if many else stub.Predict
            running.embedder.gate.clear()
            first = asyncio.ensure_future(stub.Predict(asked, timeout=20))
            await _until(lambda: running.embedder.asked)
            error = await failure(call(message, timeout=20))
            assert isinstance(error, errors.Unavailable)
            assert error.reason == "OVERLOADED"
            assert (error.metadata["limit"], error.metadata["unit"]) == (str(2 * size - 1), "bytes")
            assert error.retry_after_s
            running.embedder.gate.set()
            assert len((await first).predictions) == 3
            assert await call(message, timeout=20)


async def test_the_backbones_of_one_request_take_turns(
    running: Running, folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, "BACKBONES_AT_ONCE", 1)
    publish(folder, "a", sure("cat"))
    publish(folder, "b", sure("cat"), backbone=OTHER_BACKBONE)
    models = [f"{PROJECT}/models/{name}" for name in "ab"]
    items = [content_pb2.Content(image=png())]
    running.embedder.gate.clear()
    call = running.stub.PredictMany(pb.PredictManyRequest(models=models, items=items), timeout=20)
    await _until(lambda: running.embedder.asked)
    await asyncio.sleep(0.05)
    assert len(running.embedder.asked) == 1
    running.embedder.gate.set()
    assert len((await call).results) == 2
    assert len(running.embedder.asked) == 2


async def test_calls_in_flight_are_answered_before_the_end(folder: Store) -> None:
    publish(folder, "pets", sure("cat"))
    async with running_predictor(folder) as running:
        running.embedder.gate.clear()
        calls = [asyncio.ensure_future(running.predict("pets")) for _ in range(4)]
        await _until(lambda: len(running.embedder.asked) == 4)
        stopping = asyncio.ensure_future(running.predictor.server.stop(20))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        running.embedder.gate.set()
        assert [(await call).predictions[0].label for call in calls] == ["cat"] * 4
        await stopping


async def test_a_hundred_callers_at_once_get_their_own_answers(
    running: Running, folder: Store
) -> None:
    heads = [linear(("a", "b", "c"), seed=seed) for seed in range(5)]
    for number, head in enumerate(heads):
        publish(folder, f"m{number}", head)
    images = [png(seed) for seed in range(20)]

    async def ask(index: int) -> tuple[str, str]:
        answer = await running.predict(f"m{index % 5}", images[index % 20])
        return answer.model_version, answer.predictions[0].label

    first = await asyncio.gather(*(ask(index) for index in range(100)))
    second = [await ask(index) for index in range(100)]
    assert first == second
    assert len({version for version, _ in first}) == 5


async def test_a_client_without_retries_sees_each_refusal_once(
    running: Running, folder: Store
) -> None:
    publish(folder, "pets", sure("cat"))
    options = [("grpc.enable_retries", 0)]
    async with grpc.aio.insecure_channel(
        running.predictor.server.address, options=options
    ) as channel:
        stub = predictor_service_pb2_grpc.PredictorServiceStub(channel)
        assert (await stub.Predict(request("pets"))).predictions[0].label == "cat"
        error = await failure(stub.Predict(request("nobody")))
        assert isinstance(error, errors.NotFound)
        assert error.metadata["name"].startswith(f"{PROJECT}/models/nobody")


async def _until(check: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if check():
                return
            await asyncio.sleep(0.005)


def test_a_wide_head_is_what_the_tests_take_it_for() -> None:
    assert MIB // 5 < large(0).nbytes < MIB // 3
    assert np.float32().nbytes * DIM * WIDE == MIB // 4


async def test_a_channel_of_ours_reaches_the_predictor(running: Running, folder: Store) -> None:
    publish(folder, "pets", sure("cat"))
    async with open_channel(running.predictor.server.address) as channel:
        stub = predictor_service_pb2_grpc.PredictorServiceStub(channel)
        assert (await stub.Predict(request("pets"))).model_version.endswith("pets/versions/1")
