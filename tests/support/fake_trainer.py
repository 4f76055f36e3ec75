"""The fake suite's trainer: imports, and jobs that are done when they are created."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from graft.embedder.v1 import backbone_pb2
from graft.errors import FailedPrecondition, GraftError, Unavailable
from graft.model.v1 import evaluation_pb2
from graft.names import AliasName
from graft.trainer.v1 import (
    dataset_pb2,
    dataset_service_pb2_grpc,
    model_service_pb2_grpc,
    trainer_service_pb2_grpc,
    training_job_pb2,
)
from graft.trainer.v1 import dataset_service_pb2 as dataset_pb
from graft.trainer.v1 import model_service_pb2 as models_pb
from graft.trainer.v1 import trainer_service_pb2 as jobs_pb
from services.common.paging import take_page
from tests.support import detected
from tests.support.fake_world import ACCURACY, MAP50, World, borne, colour, find


class FakeDatasets(dataset_service_pb2_grpc.DatasetServiceServicer):
    """Keeps examples that decode."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def ImportExamples(self, requests: Any, context: Any) -> Any:
        await self._world.enter(context)
        examples, first = [], None
        async for request in requests:
            first = first or request
            self._world.imports.append(request)
            examples.extend(request.examples)
        assert first is not None
        if first.mode == dataset_pb.IMPORT_MODE_APPEND:
            examples = self._world.data.get(first.dataset, []) + examples
        return dataset_pb.ImportExamplesResponse(dataset=self._keep(first.dataset, examples))

    def _keep(self, name: str, examples: list[dataset_pb.Example]) -> dataset_pb2.Dataset:
        good = [one for one in examples if _why_bad(one) is None]
        issues = [
            evaluation_pb2.ImportIssue(path=one.path, labels=one.labels, message=why)
            for one in examples
            if (why := _why_bad(one)) is not None
        ]
        before = self._world.datasets.get(name)
        self._world.data[name] = good
        labels = Counter(label for one in good for label in borne(one))
        boxes = Counter(box.label for one in good for box in one.boxes if not box.crowd)
        self._world.datasets[name] = dataset_pb2.Dataset(
            name=name,
            version=before.version + 1 if before else 1,
            labels=[
                dataset_pb2.LabelCount(
                    label=label, example_count=count, box_count=boxes.get(label, 0)
                )
                for label, count in sorted(labels.items())
            ],
            summary=evaluation_pb2.DataSummary(
                example_count=len(good), rejected_count=len(issues), issues=issues
            ),
            size_bytes=sum(len(one.content.image) for one in good),
            multi_label=any(len(one.labels) > 1 for one in good),
            modality=_modality(good),
            boxed=bool(boxes),
        )
        return self._world.datasets[name]

    async def FindNearDuplicates(self, requests: Any, context: Any) -> Any:
        """Only those with the same bytes."""
        await self._world.enter(context)
        every = [request async for request in requests]
        held = find(self._world.data, every[0].dataset)
        paths = {one.content.image: one.path for one in held}
        examples = [one for request in every for one in request.examples]
        return dataset_pb.FindNearDuplicatesResponse(
            near_duplicates=[
                dataset_pb.NearDuplicate(
                    position=number, path=paths[one.content.image], identical=True
                )
                for number, one in enumerate(examples)
                if one.content.image in paths
            ]
        )

    async def GetDataset(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        return dataset_pb.GetDatasetResponse(dataset=find(self._world.datasets, request.name))

    async def ListDatasets(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        found = [one for name, one in sorted(self._world.datasets.items())]
        page, token = take_page(found, lambda one: one.name, size=2, token=request.page_token)
        return dataset_pb.ListDatasetsResponse(datasets=page, next_page_token=token)

    async def DeleteDataset(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        find(self._world.datasets, request.name)
        del self._world.datasets[request.name]
        return dataset_pb.DeleteDatasetResponse()


class FakeJobs(trainer_service_pb2_grpc.TrainerServiceServicer):
    """Runs a job at once, or holds it until it is cancelled or told to keep the best."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def CreateTrainingJob(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        dataset = find(self._world.datasets, request.spec.dataset)
        if len(dataset.labels) < 2:
            raise FailedPrecondition("two classes are needed", reason="DATASET_UNTRAINABLE")
        if request.validate_only:
            count = dataset.summary.example_count
            told = training_job_pb2.TrainingEstimate(example_count=count, backbone="backbones/fake")
            return jobs_pb.CreateTrainingJobResponse(estimate=told)
        identity = request.request_id or f"job-{len(self._world.jobs) + 1}"
        job = training_job_pb2.TrainingJob(
            name=f"{request.parent}/trainingJobs/{identity}",
            spec=request.spec,
            state=training_job_pb2.JOB_STATE_QUEUED,
        )
        if job.name not in self._world.jobs:
            self._world.jobs[job.name] = []
            await self._happen(job, queued=request.spec)
            await self._happen(job, state=training_job_pb2.JOB_STATE_RUNNING, started=1)
            for done in (1, 2):
                doing = training_job_pb2.Progress(
                    phase="embed", done=done, total=2, unit="examples"
                )
                await self._happen(job, progressed=doing)
            if not self._world.hold_jobs:
                await self._finish(job)
        if self._world.lost_answers:
            self._world.lost_answers -= 1
            raise Unavailable("the answer was lost")
        return jobs_pb.CreateTrainingJobResponse(job=self._world.jobs[job.name][-1].job)

    async def _happen(self, job: Any, *, state: Any = None, **kind: Any) -> None:
        """Append one event, and the job after it."""
        job.revision += 1
        job.state = job.state if state is None else state
        if "progressed" in kind:
            job.progress.CopyFrom(kind["progressed"])
        event = training_job_pb2.JobEvent(revision=job.revision, **kind)
        self._world.jobs[job.name].append(jobs_pb.WatchTrainingJobResponse(event=event, job=job))
        async with self._world.changed:
            self._world.changed.notify_all()

    async def _finish(self, job: Any) -> None:
        version = self._world.publish(job.spec)
        name = f"{job.spec.model}/versions/{version}"
        result = training_job_pb2.TrainingResult(model_version=name, version=version)
        if name in self._world.detectors:
            result.map50.CopyFrom(MAP50)
        else:
            result.accuracy.CopyFrom(ACCURACY)
        job.ClearField("progress")
        job.result.CopyFrom(result)
        await self._happen(job, state=training_job_pb2.JOB_STATE_SUCCEEDED, succeeded=result)

    async def GetTrainingJob(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        return jobs_pb.GetTrainingJobResponse(job=find(self._world.jobs, request.name)[-1].job)

    async def ListTrainingJobs(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        return jobs_pb.ListTrainingJobsResponse(
            jobs=[events[-1].job for events in reversed(self._world.jobs.values())]
        )

    async def CancelTrainingJob(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        job = training_job_pb2.TrainingJob()
        job.CopyFrom(find(self._world.jobs, request.name)[-1].job)
        if job.state == training_job_pb2.JOB_STATE_SUCCEEDED and not request.keep_best:
            raise FailedPrecondition("it has ended", reason="JOB_STATE")
        answer = jobs_pb.CancelTrainingJobResponse(job=job)
        if not request.keep_best:
            await self._happen(job, state=training_job_pb2.JOB_STATE_CANCELLED, cancelled=True)
            answer.job.CopyFrom(job)
        elif job.state == training_job_pb2.JOB_STATE_RUNNING:
            await self._finish(job)
        return answer

    async def WatchTrainingJob(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self._world.watches.append(request.after_revision)
        events = find(self._world.jobs, request.name)
        stop_after = self._world.break_watch_after.popleft() if self._world.break_watch_after else 0
        told = request.after_revision
        while True:
            for event in events[told:]:
                if stop_after and told >= stop_after:
                    raise Unavailable("this replica is going away")
                told += 1
                yield event
            if not events or events[-1].job.state >= training_job_pb2.JOB_STATE_SUCCEEDED:
                return
            async with self._world.changed:
                await self._world.changed.wait()


class FakeModels(model_service_pb2_grpc.ModelServiceServicer):
    """Tells what was trained."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def GetModel(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        return models_pb.GetModelResponse(model=find(self._world.models, request.name))

    async def ListModels(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        found = [one for name, one in sorted(self._world.models.items())]
        return models_pb.ListModelsResponse(models=found)

    async def GetEvaluation(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        version = self._world.resolve(request.name)
        if str(version) in self._world.detectors:
            return models_pb.GetEvaluationResponse(evaluation=detected.report())
        report = evaluation_pb2.Evaluation(
            model_version=str(version),
            method="cross-validation",
            evaluated_count=4,
            data=evaluation_pb2.DataSummary(warnings=self._world.report_warnings),
            accuracy=self._world.report_accuracy,
            per_class=[
                evaluation_pb2.ClassEvaluation(label=label, example_count=2)
                for label in self._world.means[str(version)]
            ],
        )
        return models_pb.GetEvaluationResponse(evaluation=report, html="<html>ü</html>".encode())

    async def GetModelVersion(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        version = self._world.resolve(request.name)
        return models_pb.GetModelVersionResponse(version=self._world.describe(version))

    async def SetAlias(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        alias = AliasName.parse(request.name)
        self._world.resolve(str(alias.model.version(request.version)))
        model = self._world.models[str(alias.model)]
        model.aliases[alias.alias] = request.version
        return models_pb.SetAliasResponse(model=model)

    async def DeleteModel(self, request: Any, context: Any) -> Any:
        await self._world.enter(context)
        find(self._world.models, request.name)
        del self._world.models[request.name]
        return models_pb.DeleteModelResponse()


def _modality(good: list[dataset_pb.Example]) -> backbone_pb2.Modality:
    if not good:
        return backbone_pb2.MODALITY_UNSPECIFIED
    if any(one.content.HasField("image") and one.content.HasField("text") for one in good):
        return backbone_pb2.MODALITY_IMAGE_AND_TEXT
    if good[0].content.HasField("text"):
        return backbone_pb2.MODALITY_TEXT
    return backbone_pb2.MODALITY_IMAGE


def _why_bad(example: dataset_pb.Example) -> str | None:
    if example.HasField("problem"):
        return str(example.problem.message)
    try:
        colour(example.content)
    except GraftError as error:
        return error.message
    return None
