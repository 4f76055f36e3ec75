"""One worker at one job, from its start to its end or the end that we make of it.

Up to the moment at which the worker may publish, a job can be stopped without a trace; from then on
it ends by itself within `COMMIT_GRACE_S`, or is cut off and settled by what is in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from graft.common.v1 import error_reason_pb2, problem_pb2
from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer.jobs.pace import Pace
from services.trainer.jobs.process import WorkerDied, WorkerProcess

STOP_GRACE_S: Final = 0.7
"""What a worker gets to stop by itself before it is killed: it then stays warm."""
COMMIT_GRACE_S: Final = 1.0
"""What a worker gets to finish publishing when somebody wants it stopped."""

Told = Callable[[pb.Progress], Awaitable[None]]
"""Takes the progress that is worth an event."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended: with one of the first two, or neither where the worker was stopped or
    died, or the store was away (`died` says of what): then the job may be tried again."""

    result: pb.TrainingResult | None = None
    problem: problem_pb2.Problem | None = None
    died: str = ""


@dataclass(slots=True)
class Run:
    """The job that a worker has. `stopping` is set by whoever wants it to end; `verdict` with it
    when the job must fail instead of being cancelled; `finishing` by whoever wants the best that it
    has. `committing`: it may have published."""

    name: JobName
    dataset: str
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    finishing: asyncio.Event = field(default_factory=asyncio.Event)
    verdict: problem_pb2.Problem | None = None
    committing: bool = False

    async def attempt(self, worker: WorkerProcess, job: pb.TrainingJob, told: Told) -> Ending:
        """Give the job to the worker and wait for its end; when `stopping` is set, make one."""
        worker.send("run", job)
        talking = asyncio.create_task(self._converse(worker, told))
        stopping = asyncio.create_task(self.stopping.wait())
        finishing = asyncio.create_task(self._finish(worker))
        try:
            await asyncio.wait({talking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not talking.done():
                worker.send("stop")
                grace = COMMIT_GRACE_S if self.committing else STOP_GRACE_S
                await asyncio.wait({talking}, timeout=grace)
            if not talking.done():
                await worker.kill()
            return await talking
        finally:
            talking.cancel()
            stopping.cancel()
            finishing.cancel()

    async def _finish(self, worker: WorkerProcess) -> None:
        await self.finishing.wait()
        worker.send("finish")

    async def _converse(self, worker: WorkerProcess, told: Told) -> Ending:
        pace = Pace()
        try:
            while True:
                kind, body = await worker.receive()
                if kind == "progress" and pace.due(body.phase) and not self.stopping.is_set():
                    await told(body)
                elif kind == "publishing" and not self.stopping.is_set():
                    self.committing = True
                    worker.send("commit")
                elif kind in ("result", "problem", "stopped"):
                    return _ending(kind, body)
        except WorkerDied as error:
            return Ending(died=str(error))


def _ending(kind: str, body: Any) -> Ending:
    if kind == "result":
        return Ending(result=body)
    if kind == "problem" and body.reason == error_reason_pb2.ERROR_REASON_STORE_UNAVAILABLE:
        return Ending(died=body.message)
    return Ending(problem=body) if kind == "problem" else Ending(died="it stopped by itself")
