"""The one owner of training jobs: who waits, who runs, who is stopped, and what is written down.

A job whose data set is deleted FAILS, unless it was publishing already.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from graft.common.v1 import error_reason_pb2, problem_pb2
from graft.errors import (
    DataLoss,
    FailedPrecondition,
    GraftError,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from graft.names import DatasetName, JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import metrics
from services.common.blocking import Bridge
from services.common.store import Store
from services.trainer import published
from services.trainer.jobs import state
from services.trainer.jobs.book import JobBook
from services.trainer.jobs.crew import Crew
from services.trainer.jobs.run import Ending, Run
from services.trainer.jobs.state import IllegalStep

_LOG = logging.getLogger(__name__)

_WRITE_RETRY_S: Final = 1.0


class Runner:
    """Owns the queue and the worker; one job runs at a time, in the order of their creation."""

    def __init__(
        self,
        *,
        book: JobBook,
        crew: Crew,
        store: Store,
        bridge: Bridge,
        max_queued: int,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_death` is called should the runner end by itself: nothing would run any more."""
        self._book = book
        self._crew = crew
        self._store = store
        self._bridge = bridge
        self._max_queued = max_queued
        self._queue: deque[JobName] = deque()
        self._admitted = 0
        self._wake = asyncio.Event()
        self._run: Run | None = None
        self._on_death = on_death
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what the log says was left, warm a worker, and begin to work."""
        self._crew.prepare()
        for job in await self._book.recover():
            await self._take_up(job)
        await self._crew.worker()
        await self._crew.release()
        self._loop = asyncio.create_task(self._work())
        self._loop.add_done_callback(self._ended)

    async def close(self) -> None:
        """Stop working; a job that runs is taken up again by the next trainer."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        await self._crew.dismiss()

    async def create(
        self, name: JobName, asked: pb.TrainingSpec, stored: pb.TrainingSpec
    ) -> pb.TrainingJob:
        """Queue a job, or answer the one that an equal request made before.

        Raises AlreadyExists, and ResourceExhausted when too many jobs wait.
        """
        if self._book.known(name) is None:
            self._check_room()
        self._admitted += 1
        try:
            job, _ = await self._book.create(name, asked, stored)
        finally:
            self._admitted -= 1
        # Whoever wrote it: a first write that was not heard of left a job that nobody would run.
        if job.state == state.QUEUED and name not in self._queue:
            self._enqueue(name)
        return job

    async def cancel(self, name: JobName, *, keep_best: bool = False) -> pb.TrainingJob:
        """Ask a job to stop; answers the job CANCELLING or CANCELLED.

        With `keep_best` one that runs is to end with the best that it has: it stays RUNNING. That
        is not written down: should its worker die, the job is run again in full.
        """
        job = await self._book.get(name)
        if job.state in (state.CANCELLING, state.CANCELLED):
            self._stop(name)  # the call that wrote it may not have heard of it
            return job
        if job.state == state.QUEUED:
            with contextlib.suppress(IllegalStep):  # a worker took it just now
                job = await self._book.append(name, cancelled=True)
                self._leave_queue(name)
                return job
            job = await self._book.get(name)
        if keep_best and job.state in (state.RUNNING, state.SUCCEEDED):
            if self._run is not None and self._run.name == name:
                self._run.finishing.set()
            return job
        job = await self._book.append(name, cancel_requested=True)
        self._stop(name)
        return job

    async def fail_jobs_on(self, dataset: DatasetName) -> None:
        """Fail every job that waits for or trains on a data set that was deleted."""
        problem = problem_pb2.Problem(
            reason=error_reason_pb2.ERROR_REASON_NOT_FOUND,
            message=f"the data set was deleted before the job had used it; import it again and"
            f" start a new job. Received: {str(dataset)!r}",
        )
        for name in [name for name in self._queue if self._trains_on(name, dataset)]:
            with contextlib.suppress(IllegalStep):  # it ended meanwhile
                await self._book.append(name, failed=problem)
            self._leave_queue(name)
        run = self._run
        if run is not None and run.dataset == str(dataset):
            run.verdict = problem
            run.stopping.set()

    def _ended(self, loop: asyncio.Task[None]) -> None:
        if not loop.cancelled():
            _LOG.critical("the runner of jobs is dead", exc_info=loop.exception())
            self._on_death()

    def _trains_on(self, name: JobName, dataset: DatasetName) -> bool:
        job = self._book.known(name)
        return job is not None and job.spec.dataset == str(dataset)

    def _check_room(self) -> None:
        if len(self._queue) + self._admitted >= self._max_queued:
            raise ResourceExhausted(
                f"{self._max_queued} training jobs wait already; wait for some to end, or raise"
                " GRAFT_MAX_QUEUED_JOBS",
                metadata={"limit": str(self._max_queued), "unit": "jobs"},
            )

    def _enqueue(self, name: JobName) -> None:
        self._queue.append(name)
        self._wake.set()

    def _leave_queue(self, name: JobName) -> None:
        with contextlib.suppress(ValueError):  # the runner had taken it out
            self._queue.remove(name)

    def _stop(self, name: JobName) -> None:
        if self._run is not None and self._run.name == name:
            self._run.stopping.set()

    async def _take_up(self, job: pb.TrainingJob) -> None:
        """Go on with a job whose worker, if it had one, died with the trainer before us."""
        name = JobName.parse(job.name)
        if job.state == state.RUNNING:
            job = await self._lose(name, job, "the trainer ended while the job ran")
        elif job.state == state.CANCELLING:
            job = await self._settle(name, None)
        if job.state == state.QUEUED:
            self._queue.append(name)

    async def _work(self) -> None:
        while True:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._supervise(self._queue.popleft())

    async def _supervise(self, name: JobName) -> None:
        """Run one job; nothing that it meets ends the loop, and the job always gets an answer."""
        try:
            await self._run_job(name)
        except Exception as error:  # a supervised loop: the job is told, the next one runs
            _LOG.exception("a training job broke its runner", extra={"job": str(name)})
            await self._crew.dismiss()
            reason = error_reason_pb2.ERROR_REASON_INTERNAL
            text = f"an internal error: {type(error).__name__}; the trainer's log tells more"
            with contextlib.suppress(GraftError):  # it had ended, or cannot be read
                problem = problem_pb2.Problem(reason=reason, message=text)
                await self._write(name, failed=problem)
        finally:
            self._run = None
            await self._crew.release()

    async def _run_job(self, name: JobName) -> None:
        job = await self._book.get(name)
        if job.state != state.QUEUED:
            return  # cancelled, or failed with its data set, while it waited
        run = self._run = Run(name, job.spec.dataset)
        try:
            worker = await self._crew.worker()
        except FailedPrecondition as error:
            worker, lost = None, str(error)
        try:
            job = await self._write(name, started=job.attempts + 1)
        except IllegalStep:
            return  # cancelled just now
        if worker is None:
            await self._conclude(name, run, Ending(died=lost))
            return

        async def told(progress: pb.Progress) -> None:
            await self._progress(name, progress)

        await self._conclude(name, run, await run.attempt(worker, job, told))

    async def _progress(self, name: JobName, progress: pb.Progress) -> None:
        """Write down how far the worker is; not being able to is no reason to stop."""
        try:
            await self._book.append(name, progressed=progress)
        except IllegalStep:
            pass  # a cancellation was written first
        except GraftError as error:
            _LOG.warning("progress not written: %s", error, extra={"job": str(name)})

    async def _conclude(self, name: JobName, run: Run, ending: Ending) -> None:
        """Write how the job ended, or that it must be tried again."""
        try:
            await self._write_ending(name, run, ending)
        except IllegalStep:  # a cancellation was written just before, or another trainer ended it
            if not state.is_terminal(await self._book.get(name)):
                await self._settle(name, run.verdict)

    async def _write_ending(self, name: JobName, run: Run, ending: Ending) -> None:
        if ending.result is not None:
            _observe(ending.result)
            await self._write(name, succeeded=ending.result)
        elif run.stopping.is_set():
            await self._settle(name, run.verdict)
        elif ending.problem is not None and run.committing:
            await self._settle(name, ending.problem)
        elif ending.problem is not None:
            await self._write(name, failed=ending.problem)
        else:
            job = await self._lose(name, await self._book.get(name), ending.died)
            if job.state == state.QUEUED:
                self._queue.appendleft(name)

    async def _lose(self, name: JobName, job: pb.TrainingJob, why: str) -> pb.TrainingJob:
        """An attempt was cut off: queue the job again, unless it has had all its attempts."""
        _LOG.warning("an attempt was cut off: %s", why, extra={"job": str(name)})
        if job.attempts < state.MAX_ATTEMPTS:
            return await self._write(name, interrupted=why)
        problem = problem_pb2.Problem(
            reason=error_reason_pb2.ERROR_REASON_INTERNAL,
            message=f"it was cut off {job.attempts} times, the most that is tried; the last time:"
            f" {why}. Look for a lack of memory or a store that comes and goes; start a new job",
        )
        return await self._write(name, failed=problem)

    async def _settle(self, name: JobName, verdict: problem_pb2.Problem | None) -> pb.TrainingJob:
        """End a job that was stopped; it succeeded if its version was already there."""
        job = await self._book.get(name)
        result = await self._published(job)
        if result is not None:
            return await self._write(name, succeeded=result)
        if verdict is not None:
            return await self._write(name, failed=verdict)
        return await self._write(name, cancelled=True)

    async def _published(self, job: pb.TrainingJob) -> pb.TrainingResult | None:
        while True:
            try:
                return await self._bridge.run(published.settle, self._store, job)
            except Unavailable as error:
                await _pause(error)
            except GraftError as error:
                _LOG.error("not settled: %s", error, extra={"job": job.name})
                return None

    async def _write(self, name: JobName, **kind: Any) -> pb.TrainingJob:
        """Write an event however long the store is away; the log must not miss it."""
        while True:
            try:
                return await self._book.append(name, **kind)
            except (IllegalStep, NotFound, DataLoss):
                raise
            except GraftError as error:
                await _pause(error)


async def _pause(error: GraftError) -> None:
    _LOG.warning("the store failed, trying again: %s", error)
    await asyncio.sleep(error.retry_after_s or _WRITE_RETRY_S)


def _observe(result: pb.TrainingResult) -> None:
    for phase in result.phases:
        metrics.JOB_SECONDS.labels(phase.stage).observe(phase.duration.ToNanoseconds() / 1e9)
    metrics.EMBEDDING_CACHE.labels("hit").inc(result.cached_count)
    metrics.EMBEDDING_CACHE.labels("miss").inc(result.embedded_count)
