"""A real embedder under pressure: ten times too much load, and told to stop while it works."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from graft.channel import CLIENT_OPTIONS
from graft.common.v1 import content_pb2
from graft.embedder.v1 import embedder_service_pb2, embedder_service_pb2_grpc
from graft.errors import Unavailable
from graft.status import from_rpc_error
from tests.support import digits
from tests.support.suite import Suite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

QUEUE_ITEMS = 16
LOAD_S = 2.0
ROUNDS = 2
WITHOUT_RETRIES: list[tuple[str, int | str]] = [
    *((key, value) for key, value in CLIENT_OPTIONS if key != "grpc.enable_retries"),
    ("grpc.enable_retries", 0),
]
REQUEST = embedder_service_pb2.EmbedRequest(
    backbone="backbones/graft_small_96",
    items=[content_pb2.Content(image=digits.picture("5", 0))],
)


@dataclass
class Seen:
    """What a load saw: seconds in the server of each answered call, and every refusal."""

    seconds: list[float] = field(default_factory=list)
    refusals: list[grpc.aio.AioRpcError] = field(default_factory=list)

    def add(self, other: Seen) -> None:
        self.seconds += other.seconds
        self.refusals += other.refusals

    @property
    def codes(self) -> Counter[grpc.StatusCode]:
        return Counter(error.code() for error in self.refusals)


@pytest.fixture
def embedder(tmp_path: Path) -> Iterator[Suite]:
    environ = {"GRAFT_QUEUE_ITEMS": str(QUEUE_ITEMS), "GRAFT_LOG_LEVEL": "WARNING"}
    with Suite(tmp_path, services=("embedder",), **environ) as suite:
        yield suite


async def load(address: str, callers: int, *, until: float) -> Seen:
    """`callers` callers, each with one call after the other, until the clock says `until`."""
    seen = Seen()
    async with grpc.aio.insecure_channel(address, options=WITHOUT_RETRIES) as channel:
        stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)

        async def caller() -> None:
            while time.monotonic() < until:
                try:
                    answer = await stub.Embed(REQUEST, timeout=30)
                    stages = [stage.duration.ToNanoseconds() for stage in answer.timings]
                    seen.seconds.append(sum(stages) / 1e9)
                except grpc.aio.AioRpcError as error:
                    seen.refusals.append(error)
                    await asyncio.sleep(_retry_after_s(error))

        await asyncio.gather(*(caller() for _ in range(callers)))
    return seen


def _retry_after_s(error: grpc.aio.AioRpcError) -> float:
    """What the server asked for; without it a caller comes back at once, which is 0."""
    return from_rpc_error(error, target="").retry_after_s or 0.0


async def test_ten_times_the_load_is_refused_honestly_and_the_accepted_keep_their_pace(
    embedder: Suite,
) -> None:
    address = embedder.address["embedder"]
    full, over = Seen(), Seen()
    for _ in range(ROUNDS):  # in turns: the machine may have other work
        full.add(await load(address, QUEUE_ITEMS, until=time.monotonic() + LOAD_S))
        over.add(await load(address, 10 * QUEUE_ITEMS, until=time.monotonic() + LOAD_S))
    assert full.refusals == []
    assert set(over.codes) == {grpc.StatusCode.UNAVAILABLE}
    errors = [from_rpc_error(error, target=address) for error in over.refusals[:50]]
    assert {error.reason for error in errors} == {"OVERLOADED"}
    assert all(isinstance(error, Unavailable) and error.retry_after_s for error in errors)
    # What a bounded queue accepts waits no longer than when it was just full. The factor is for
    # the callers, ten times as many, who run on the same two cores as the embedder.
    assert statistics.median(over.seconds) < 4 * statistics.median(full.seconds)


async def test_told_to_stop_it_finishes_what_it_has_begun(embedder: Suite) -> None:
    address = embedder.address["embedder"]
    loading = asyncio.ensure_future(load(address, 8, until=time.monotonic() + LOAD_S))
    await asyncio.sleep(LOAD_S / 3)
    status = await asyncio.to_thread(embedder.terminate, "embedder")
    seen = await loading
    assert status == 0
    assert seen.seconds
    assert set(seen.codes) == {grpc.StatusCode.UNAVAILABLE}  # refused, never broken off


async def test_a_deadline_that_has_passed_is_not_worked_on(embedder: Suite) -> None:
    address = embedder.address["embedder"]
    async with grpc.aio.insecure_channel(address, options=WITHOUT_RETRIES) as channel:
        stub = embedder_service_pb2_grpc.EmbedderServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Embed(REQUEST, timeout=0.0005)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        answer = await stub.Embed(REQUEST, timeout=30)  # and it goes on
        assert list(answer.outputs[0].vectors.shape) == [1, 384]
