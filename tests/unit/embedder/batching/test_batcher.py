"""The batcher under everything that can go wrong: who is answered, with what, and what ran."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from graft.errors import DeadlineExceeded, Internal, Unavailable
from services.embedder.batching.batcher import Batcher, Embedded
from services.embedder.device import Device
from tests.support.engines import FakeEngine, item, poisoned

ENDPOINTS = ("default",)
GRACE_S = 5.0


class Bench:
    """A batcher on a fake engine whose device can be held."""

    def __init__(self, engine: FakeEngine, device: Device, *, limit: int = 64) -> None:
        self.engine = engine
        self.deaths = 0
        self.now = 0.0
        self.batcher = Batcher(
            engine, device, limit_items=limit, on_death=self._died, clock=lambda: self.now
        )
        self.batcher.start()

    def _died(self) -> None:
        self.deaths += 1

    def send(self, seed: int | np.ndarray, deadline: float | None = None) -> asyncio.Task[Embedded]:
        array = item(seed) if isinstance(seed, int) else seed
        return asyncio.ensure_future(self._admitted(array, deadline))

    async def _admitted(self, array: np.ndarray, deadline: float | None) -> Embedded:
        with self.batcher.admit(1):
            return await self.batcher.embed(array, ENDPOINTS, deadline)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """The device is busy with one item for the block; what is sent meanwhile queues up."""
        running = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.engine.gate = gate = threading.Event()
        self.engine.on_run = lambda _: loop.call_soon_threadsafe(running.set)
        first = self.send(1000)
        await running.wait()
        self.engine.on_run = None
        try:
            yield
        finally:
            self.engine.gate = None
            gate.set()
        await first


@pytest.fixture
def device() -> Iterator[Device]:
    owned = Device()
    yield owned
    owned.close()


@pytest.fixture
async def bench(device: Device) -> AsyncIterator[Bench]:
    made = Bench(FakeEngine(), device)
    yield made
    await made.batcher.close(GRACE_S)


def expected(seed: int) -> np.ndarray:
    vectors = FakeEngine().run(item(seed)[None], ENDPOINTS)
    return np.asarray(vectors["default"][0])


def right(found: Embedded, seed: int) -> bool:
    return np.allclose(found.vectors["default"], expected(seed), atol=1e-5)


async def settle() -> None:
    """Lets everything that can run now run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_each_item_gets_its_own_answer(bench: Bench) -> None:
    answers = await asyncio.gather(*(bench.send(seed) for seed in range(30)))
    assert all(right(answer, seed) for seed, answer in enumerate(answers))
    assert max(bench.engine.batches) <= 8


async def test_an_idle_device_starts_at_once_and_a_busy_one_finds_a_fuller_queue(
    bench: Bench,
) -> None:
    async with bench.held():
        tasks = [bench.send(seed) for seed in range(9)]
        await settle()
    await asyncio.gather(*tasks)
    # One was running, a batch was staged from what was there at once, the rest came together.
    assert bench.engine.batches[0] == 1
    assert sum(bench.engine.batches) >= 10
    assert len(bench.engine.batches) <= 4


async def test_one_caller_who_leaves_does_not_take_the_others_along(bench: Bench) -> None:
    async with bench.held():
        tasks = [bench.send(seed) for seed in range(6)]
        await settle()
        tasks[2].cancel()
        await settle()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[2], asyncio.CancelledError)
    others = [(seed, a) for seed, a in enumerate(answers) if isinstance(a, Embedded)]
    assert [seed for seed, _ in others] == [0, 1, 3, 4, 5]
    assert all(right(answer, seed) for seed, answer in others)


async def test_a_caller_who_leaves_while_the_device_runs_harms_nobody(bench: Bench) -> None:
    async with bench.held():
        pass
    running = asyncio.Event()
    loop = asyncio.get_running_loop()
    bench.engine.gate = gate = threading.Event()
    bench.engine.on_run = lambda _: loop.call_soon_threadsafe(running.set)
    task = bench.send(1)
    await running.wait()
    task.cancel()
    other = bench.send(2)
    gate.set()
    assert right(await other, 2)
    assert task.cancelled() or task.cancelling()


async def test_one_poisoned_item_fails_alone(bench: Bench) -> None:
    async with bench.held():
        tasks = [bench.send(poisoned() if n == 3 else n) for n in range(8)]
        await settle()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answers[3], Internal)
    good = [n for n, answer in enumerate(answers) if isinstance(answer, Embedded)]
    assert good == [0, 1, 2, 4, 5, 6, 7]
    assert all(right(answers[n], n) for n in good)  # type: ignore[arg-type]


async def test_a_device_that_fails_everything_fails_each_item_after_one_more_try(
    bench: Bench,
) -> None:
    async with bench.held():
        tasks = [bench.send(poisoned()) for _ in range(4)]
        await settle()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Internal] * 4
    assert len(bench.engine.batches) <= 1 + 2 + 4  # the held one, two batches, each item once
    assert right(await bench.send(5), 5)  # and it goes on


async def test_an_engine_that_answers_the_wrong_number_of_rows_fails_the_item(
    bench: Bench,
) -> None:
    bench.engine.run = lambda batch, endpoints: {  # type: ignore[method-assign]
        "default": np.zeros((3, 6), np.float32)
    }
    with pytest.raises(Internal, match="answered no 1 rows"):
        await bench.send(1)
    assert bench.deaths == 0


async def test_items_of_another_shape_fail_by_themselves(bench: Bench) -> None:
    async with bench.held():
        odd = bench.send(np.zeros((5, 5, 3), np.float32))
        tasks = [bench.send(seed) for seed in range(4)]
        await settle()
    answers = await asyncio.gather(*tasks)
    assert all(right(answer, seed) for seed, answer in enumerate(answers))
    with pytest.raises(ValueError, match="reshape"):
        await odd


async def test_expired_items_cost_no_device_time(bench: Bench) -> None:
    async with bench.held():
        late = [bench.send(seed, deadline=5.0) for seed in range(10)]
        live = bench.send(77, deadline=50.0)
        await settle()
        bench.now = 10.0
    answers = await asyncio.gather(*late, return_exceptions=True)
    assert {type(answer) for answer in answers} == {DeadlineExceeded}
    assert right(await live, 77)
    assert sum(bench.engine.batches) == 2  # the one that held the device, and the live one


async def test_a_staged_batch_of_the_expired_is_not_run(bench: Bench) -> None:
    async with bench.held():
        late = bench.send(1, deadline=5.0)
        await settle()
        bench.now = 10.0
    with pytest.raises(DeadlineExceeded):
        await late
    assert bench.engine.batches == [1]


async def test_ten_times_too_much_is_refused_and_what_was_taken_is_answered(
    device: Device,
) -> None:
    bench = Bench(FakeEngine(), device, limit=16)
    async with bench.held():
        tasks = [bench.send(seed) for seed in range(160)]
        await settle()
        refused = [task for task in tasks if task.done()]
        assert len(refused) == 160 - 15  # one more is on the device
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert len(errors) == 145
    assert {error.reason for error in errors} == {"OVERLOADED"}
    assert all(0 < (error.retry_after_s or 0) <= 5 for error in errors)
    assert all(right(a, n) for n, a in enumerate(answers) if isinstance(a, Embedded))
    assert bench.batcher.inside == 0
    await bench.batcher.close(GRACE_S)


async def test_waiting_for_room_ends_when_there_is_some(device: Device) -> None:
    bench = Bench(FakeEngine(), device, limit=2)
    async with bench.held():
        tasks = [bench.send(1)]
        await settle()
        room = asyncio.ensure_future(bench.batcher.room(1))
        await settle()
        assert not room.done()
    await room
    await asyncio.gather(*tasks)
    await bench.batcher.close(GRACE_S)


async def test_callers_who_leave_free_their_place_in_the_queue(device: Device) -> None:
    bench = Bench(FakeEngine(), device, limit=8)
    async with bench.held():
        for _ in range(50):
            tasks = [bench.send(seed) for seed in range(7)]
            await settle()
            for task in tasks:
                task.cancel()
            await settle()
        assert len(bench.batcher._queue) <= 8
        last = bench.send(4)
    assert right(await last, 4)
    await bench.batcher.close(GRACE_S)


async def test_closing_finishes_what_is_admitted_and_refuses_the_rest(device: Device) -> None:
    bench = Bench(FakeEngine(), device)
    async with bench.held():
        tasks = [bench.send(seed) for seed in range(12)]
        await settle()
        closing = asyncio.ensure_future(bench.batcher.close(GRACE_S))
        await settle()
        with pytest.raises(Unavailable, match="shutting down"):
            await bench.send(99)
    answers = await asyncio.gather(*tasks)
    assert all(right(answer, seed) for seed, answer in enumerate(answers))
    await closing
    assert bench.deaths == 0


async def test_closing_without_grace_answers_everyone_all_the_same(device: Device) -> None:
    bench = Bench(FakeEngine(), device)
    async with stuck(bench) as gate:
        tasks = [bench.send(seed) for seed in range(12)]
        await settle()
        await bench.batcher.close(0.0)
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(answer) for answer in answers} == {Unavailable}
        gate.set()


@asynccontextmanager
async def stuck(bench: Bench) -> AsyncIterator[threading.Event]:
    """The device is busy with one item whose caller gets no answer from it."""
    gate = bench.engine.gate = threading.Event()
    first = bench.send(1000)
    await settle()
    try:
        yield gate
    finally:
        gate.set()
    with pytest.raises(Unavailable):
        await first


async def test_when_the_loop_dies_everyone_is_answered_and_it_is_told(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(FakeEngine(), device)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug in the policy")

    async with stuck(bench):
        monkeypatch.setattr("services.embedder.batching.batcher.next_batch", broken)
        answers = await asyncio.gather(*map(bench.send, range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert bench.deaths == 1
    with pytest.raises(Unavailable):
        await bench.send(1)
