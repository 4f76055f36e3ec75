"""The runner over a store that takes a write and does not say so, or is away for a while."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from graft.content import Problem
from graft.errors import Unavailable
from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common.blocking import Bridge
from services.trainer.jobs import state
from services.trainer.jobs.book import JobBook
from services.trainer.jobs.crew import Crew
from services.trainer.jobs.log import JobLog
from services.trainer.jobs.process import WorkerDied
from services.trainer.jobs.runner import Runner
from services.trainer.jobs.state import IllegalStep
from tests.support.flaky import Flaky

NAME = JobName("p", "j")
SPEC = pb.TrainingSpec(
    dataset="projects/p/datasets/d", dataset_version=1, model="projects/p/models/m"
)


class SilentWorker:
    """Takes a job, says what it was given to say, and nothing more until it is killed."""

    def __init__(self, *says: tuple[str, Any]) -> None:
        self._says = deque(says)
        self._killed = asyncio.Event()
        self._heard: asyncio.Queue[str] = asyncio.Queue()

    def send(self, kind: str, body: Any = None) -> None:
        """Note what was said."""
        self._heard.put_nowait(kind)

    async def hear(self, count: int) -> list[str]:
        """The next that were said, so many."""
        async with asyncio.timeout(10):
            return [await self._heard.get() for _ in range(count)]

    async def receive(self) -> tuple[str, Any]:
        """Speak, then be silent."""
        if self._says:
            return self._says.popleft()
        await self._killed.wait()
        raise WorkerDied("killed")

    async def kill(self) -> None:
        """End."""
        self._killed.set()


class SilentCrew(Crew):
    """Has those `first`, then a fresh silent worker for every attempt."""

    first: deque[SilentWorker]

    def prepare(self) -> None:
        """No process is needed."""

    async def worker(self) -> Any:
        """One more."""
        return self.first.popleft() if self.first else SilentWorker()


@pytest.fixture
def store(tmp_path: Path) -> Flaky:
    return Flaky(tmp_path)


@pytest.fixture
def crew() -> SilentCrew:
    crew = SilentCrew({})
    crew.first = deque()
    return crew


@pytest.fixture
async def runner(store: Flaky, crew: SilentCrew) -> AsyncIterator[Runner]:
    bridge = Bridge("store", 2)
    book = JobBook(JobLog(store), bridge)
    runner = Runner(book=book, crew=crew, store=store, bridge=bridge, max_queued=9)
    await runner.start()
    yield runner
    await runner.close()
    bridge.close()


async def reach(runner: Runner, wanted: int, *, attempts: int = 1, name: JobName = NAME) -> None:
    async with asyncio.timeout(10):
        async for _, job in runner._book.watch(name, 0):
            if (job.state, job.attempts) == (wanted, attempts):
                return


async def test_a_job_whose_first_write_was_not_heard_of_runs_when_it_is_asked_for_again(
    runner: Runner, store: Flaky
) -> None:
    store.fail_after = 1
    with pytest.raises(Unavailable):
        await runner.create(NAME, SPEC, SPEC)
    await runner.create(NAME, SPEC, SPEC)
    await reach(runner, state.RUNNING)


async def test_a_cancellation_that_was_not_heard_of_is_acted_on_when_it_is_repeated(
    runner: Runner, store: Flaky
) -> None:
    await runner.create(NAME, SPEC, SPEC)
    await reach(runner, state.RUNNING)
    store.fail_after = 1
    with pytest.raises(Unavailable):
        await runner.cancel(NAME)
    await runner._progress(NAME, pb.Progress(phase="embed"))  # reads what was written
    assert (await runner.cancel(NAME)).state == state.CANCELLING
    await reach(runner, state.CANCELLED)


async def test_a_job_that_is_to_keep_its_best_is_told_so_once_and_goes_on(
    runner: Runner, crew: SilentCrew
) -> None:
    worker = SilentWorker()
    crew.first.append(worker)
    await runner.create(NAME, SPEC, SPEC)
    await reach(runner, state.RUNNING)
    for _ in range(2):
        assert (await runner.cancel(NAME, keep_best=True)).state == state.RUNNING
    assert await worker.hear(2) == ["run", "finish"]
    await runner.cancel(NAME)
    await reach(runner, state.CANCELLED)
    assert await worker.hear(1) == ["stop"]


async def test_a_job_whose_worker_died_forgets_that_it_was_to_keep_its_best(
    runner: Runner, crew: SilentCrew
) -> None:
    first, second = SilentWorker(), SilentWorker()
    crew.first.extend([first, second])
    await runner.create(NAME, SPEC, SPEC)
    await reach(runner, state.RUNNING)
    await runner.cancel(NAME, keep_best=True)
    await first.kill()
    await reach(runner, state.RUNNING, attempts=2)
    await runner.cancel(NAME)
    assert await second.hear(2) == ["run", "stop"]


async def test_a_job_that_waits_has_nothing_to_keep(runner: Runner) -> None:
    waiting = JobName("p", "waiting")
    await runner.create(NAME, SPEC, SPEC)
    await runner.create(waiting, SPEC, SPEC)
    assert (await runner.cancel(waiting, keep_best=True)).state == state.CANCELLED


async def test_a_job_that_succeeded_has_kept_its_best(runner: Runner, crew: SilentCrew) -> None:
    crew.first.append(SilentWorker(("result", pb.TrainingResult(version=1))))
    await runner.create(NAME, SPEC, SPEC)
    await reach(runner, state.SUCCEEDED)
    assert (await runner.cancel(NAME, keep_best=True)).result.version == 1


async def test_a_job_that_failed_has_nothing_to_keep(runner: Runner, crew: SilentCrew) -> None:
    crew.first.append(SilentWorker(("problem", Problem("INTERNAL", "x").to_proto())))
    await runner.create(NAME, SPEC, SPEC)
    await reach(runner, state.FAILED)
    with pytest.raises(IllegalStep):
        await runner.cancel(NAME, keep_best=True)


@pytest.mark.parametrize(("reason", "end"), [("STORE_UNAVAILABLE", 2), ("UNAVAILABLE", 1)])
async def test_a_job_is_tried_again_when_its_store_was_away(
    runner: Runner, crew: SilentCrew, reason: str, end: int
) -> None:
    problem = Problem(reason, "no answer").to_proto()
    crew.first.append(SilentWorker(("problem", problem)))
    await runner.create(NAME, SPEC, SPEC)
    await reach(runner, state.RUNNING if end == 2 else state.FAILED, attempts=end)


async def test_a_job_that_another_trainer_has_ended_is_left_as_it_is(
    runner: Runner, crew: SilentCrew, store: Flaky, caplog: pytest.LogCaptureFixture
) -> None:
    worker, following = SilentWorker(), JobName("p", "next")
    crew.first.append(worker)
    await runner.create(NAME, SPEC, SPEC)
    await reach(runner, state.RUNNING)
    other = JobBook(JobLog(store), runner._bridge)
    await other.append(NAME, succeeded=pb.TrainingResult(version=1))
    await worker.kill()
    await runner.create(following, SPEC, SPEC)
    await reach(runner, state.RUNNING, name=following)
    assert (await runner._book.get(NAME)).state == state.SUCCEEDED
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
