"""Training jobs: create, follow to the end, cancel."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from graft.client.connection import Connection
from graft.client.pages import every
from graft.client.reports import Interval, optional_interval
from graft.client.times import optional_time
from graft.client.watching import watch_responses
from graft.content import Problem
from graft.errors import Cancelled, FailedPrecondition
from graft.names import JobName, check_id, project_name
from graft.trainer.v1 import trainer_service_pb2, training_job_pb2

ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class Progress:
    """What a running job does: `done` of `total` units (0 when unknown) in `phase`."""

    phase: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What came out; `accuracy`, of a detector `map50` in its place (mean average precision at IoU
    0.5), is None when there were too few examples to measure it."""

    model_version: str
    version: int
    accuracy: Interval | None
    phases_s: dict[str, float]
    embedded_count: int
    cached_count: int
    map50: Interval | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A training run; `state` is a name of JobState without its prefix."""

    name: str
    state: str
    dataset: str
    dataset_version: int
    model: str
    backbone: str
    seed: int
    progress: Progress | None
    result: TrainingResult | None
    error: Problem | None
    revision: int
    attempts: int
    create_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in ENDED

    @classmethod
    def from_proto(cls, job: training_job_pb2.TrainingJob) -> Job:
        """Read a job off the wire."""
        spec, doing = job.spec, job.progress
        return cls(
            name=job.name,
            state=training_job_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_"),
            dataset=spec.dataset,
            dataset_version=spec.dataset_version,
            model=spec.model,
            backbone=spec.backbone,
            seed=spec.seed,
            progress=Progress(doing.phase, doing.done, doing.total, doing.unit)
            if job.HasField("progress")
            else None,
            result=_result(job.result) if job.HasField("result") else None,
            error=Problem.from_proto(job.error) if job.HasField("error") else None,
            revision=job.revision,
            attempts=job.attempts,
            create_time=optional_time(job, "create_time"),
            start_time=optional_time(job, "start_time"),
            end_time=optional_time(job, "end_time"),
        )


def _result(result: training_job_pb2.TrainingResult) -> TrainingResult:
    return TrainingResult(
        model_version=result.model_version,
        version=result.version,
        accuracy=optional_interval(result, "accuracy"),
        phases_s={one.stage: one.duration.ToNanoseconds() / 1e9 for one in result.phases},
        embedded_count=result.embedded_count,
        cached_count=result.cached_count,
        map50=optional_interval(result, "map50"),
    )


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One step in a job's life, and the job after it; `kind` is a field name of JobEvent.kind."""

    revision: int
    time: datetime | None
    kind: str
    job: Job

    @classmethod
    def from_proto(cls, response: trainer_service_pb2.WatchTrainingJobResponse) -> JobEvent:
        """Read an event off the wire."""
        event = response.event
        return cls(
            revision=event.revision,
            time=optional_time(event, "time"),
            kind=event.WhichOneof("kind") or "",
            job=Job.from_proto(response.job),
        )


class Jobs:
    """The training jobs of one project; a `job` is its id or its whole name."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._connection = connection
        self._project = project

    async def get(self, job: str) -> Job:
        """Tell one job. Raises NotFound."""
        request = trainer_service_pb2.GetTrainingJobRequest(name=self._name(job))
        response = await self._connection.call("jobs", "GetTrainingJob", request)
        return Job.from_proto(response.job)

    async def list(self) -> tuple[Job, ...]:
        """List the jobs, newest first."""
        request = trainer_service_pb2.ListTrainingJobsRequest(parent=project_name(self._project))
        found = await every(self._connection, "jobs", "ListTrainingJobs", request, "jobs")
        return tuple(Job.from_proto(one) for one in found)

    async def cancel(self, job: str, *, keep_best: bool = False) -> Job:
        """Ask a job to stop; answers at once. Raises FailedPrecondition when it has ended.

        With `keep_best` a job that runs ends soon with the best model that it has, and SUCCEEDED;
        one that is queued has none and is cancelled.
        """
        request = trainer_service_pb2.CancelTrainingJobRequest(
            name=self._name(job), keep_best=keep_best
        )
        response = await self._connection.call("jobs", "CancelTrainingJob", request)
        return Job.from_proto(response.job)

    async def watch(self, job: str, *, after_revision: int = 0) -> AsyncGenerator[JobEvent, None]:
        """Yield the events after a revision to the job's end, through broken connections."""
        name = self._name(job)
        async with aclosing(self._responses(name, after_revision)) as responses:
            async for response in responses:
                yield JobEvent.from_proto(response)

    async def wait(self, job: str) -> Job:
        """Wait for the end and answer the job that SUCCEEDED.

        Raises FailedPrecondition with the job's own reason when it FAILED, Cancelled when it was
        cancelled.
        """
        async with aclosing(self.watch(job)) as events:
            async for _ in events:
                pass
        return succeeded(await self.get(job))

    def _responses(self, name: str, after_revision: int) -> Any:
        return watch_responses(self._connection, name, after_revision)

    def _name(self, job: str) -> str:
        if job.startswith("projects/"):
            return str(JobName.parse(job))
        return str(JobName(self._project, check_id(job, "job")))


def succeeded(job: Job) -> Job:
    """Answer an ended job if it SUCCEEDED, else raise what became of it."""
    if job.state == "CANCELLED":
        raise Cancelled(f"the training job {job.id} was cancelled. Received: {job.state}")
    if job.state != "SUCCEEDED":
        why = job.error.message if job.error else f"it ended {job.state}"
        raise FailedPrecondition(
            f"the training job {job.id} failed: {why}",
            reason=job.error.reason if job.error else "",
            metadata={"job": job.name},
        )
    return job
