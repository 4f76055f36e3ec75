"""TrainerService over the runner and the book; thin."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

from graft.names import DatasetName, JobName, parse_project
from graft.trainer.v1 import trainer_service_pb2 as pb
from graft.trainer.v1 import trainer_service_pb2_grpc, training_job_pb2
from services.common.blocking import Bridge
from services.common.paging import take_page
from services.trainer.data.catalogue import Catalogue
from services.trainer.estimator import Estimator
from services.trainer.fields import check_spec, job_name, parse_field
from services.trainer.jobs.book import JobBook
from services.trainer.jobs.runner import Runner

_LOG = logging.getLogger(__name__)

NAME = "graft.trainer.v1.TrainerService"
_LAST_NS = 10**20  # above any time in nanoseconds, with as many digits as the difference


class TrainerServicer(trainer_service_pb2_grpc.TrainerServiceServicer):
    """Answers for the jobs."""

    def __init__(
        self,
        *,
        runner: Runner,
        book: JobBook,
        catalogue: Catalogue,
        estimator: Estimator,
        bridge: Bridge,
    ) -> None:
        self._runner = runner
        self._book = book
        self._catalogue = catalogue
        self._estimator = estimator
        self._bridge = bridge

    async def CreateTrainingJob(
        self, request: pb.CreateTrainingJobRequest, context: Any
    ) -> pb.CreateTrainingJobResponse:
        """Queue, or estimate."""
        project = check_spec(request.parent, request.spec)
        name = job_name(project, request.request_id or _new_id())
        known = self._book.known(name)
        if known is not None and not request.validate_only:
            stored = known.spec  # a repeated request: the data set may be gone by now
        else:
            stored = await self._settled(request.spec)
        if request.validate_only:
            estimate = await self._estimator.estimate(stored)
            return pb.CreateTrainingJobResponse(estimate=estimate)
        job = await self._runner.create(name, request.spec, stored)
        # Ties the caller's request id to the job's own id, under which all of its work is logged.
        _LOG.info("a training job is queued", extra={"job": job.name})
        return pb.CreateTrainingJobResponse(job=job)

    async def GetTrainingJob(
        self, request: pb.GetTrainingJobRequest, context: Any
    ) -> pb.GetTrainingJobResponse:
        """As it is now."""
        name = parse_field("name", JobName.parse, request.name)
        return pb.GetTrainingJobResponse(job=await self._book.get(name))

    async def ListTrainingJobs(
        self, request: pb.ListTrainingJobsRequest, context: Any
    ) -> pb.ListTrainingJobsResponse:
        """Newest first."""
        jobs = self._book.jobs(parse_field("parent", parse_project, request.parent))
        page, token = take_page(jobs, _age, size=request.page_size, token=request.page_token)
        return pb.ListTrainingJobsResponse(jobs=page, next_page_token=token)

    async def CancelTrainingJob(
        self, request: pb.CancelTrainingJobRequest, context: Any
    ) -> pb.CancelTrainingJobResponse:
        """Ask it to stop, or to end with the best that it has."""
        name = parse_field("name", JobName.parse, request.name)
        job = await self._runner.cancel(name, keep_best=request.keep_best)
        return pb.CancelTrainingJobResponse(job=job)

    async def WatchTrainingJob(
        self, request: pb.WatchTrainingJobRequest, context: Any
    ) -> AsyncIterator[pb.WatchTrainingJobResponse]:
        """Old events, then new ones, to the last."""
        name = parse_field("name", JobName.parse, request.name)
        async for event, job in self._book.watch(name, request.after_revision):
            yield pb.WatchTrainingJobResponse(event=event, job=job)

    async def _settled(self, spec: training_job_pb2.TrainingSpec) -> training_job_pb2.TrainingSpec:
        """The spec with the version of the data set that it means now; NotFound."""
        stored = training_job_pb2.TrainingSpec()
        stored.CopyFrom(spec)
        name = DatasetName.parse(spec.dataset)
        stored.dataset_version = await self._bridge.run(
            self._catalogue.version, name, spec.dataset_version
        )
        return stored


def _new_id() -> str:
    """An id that sorts by time, for people who look into the store."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + f"-{uuid.uuid4().hex[:8]}"


def _age(job: training_job_pb2.TrainingJob) -> str:
    """Ascends from the newest job to the oldest."""
    return f"{_LAST_NS - job.create_time.ToNanoseconds():021d} {job.name}"
