"""Asking for a training job, or for what one would cost."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import duration_pb2

from graft.client.connection import Connection
from graft.client.jobs import Job
from graft.client.numbers import whole
from graft.errors import InvalidArgument
from graft.model.v1 import model_pb2
from graft.names import BackboneName, DatasetName, ModelName, check_id, project_name
from graft.trainer.v1 import trainer_service_pb2, training_job_pb2

AUTO: Final = "auto"
_TASKS: Final = {
    AUTO: model_pb2.TASK_UNSPECIFIED,
    "classification": model_pb2.TASK_CLASSIFICATION,
    "multi-label": model_pb2.TASK_MULTI_LABEL,
    "detection": model_pb2.TASK_DETECTION,
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job would cost, before it is run; times in seconds."""

    example_count: int
    uncached_count: int
    backbone: str
    low_s: float
    high_s: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train; the defaults leave every choice to the trainer."""

    task: str = AUTO
    backbone: str = AUTO
    budget_s: float | None = None
    seed: int = 0
    precision: float = 0.0
    dataset_version: int = 0

    def spec(self, project: str, model: str, dataset: str) -> Any:
        """Make the TrainingSpec; raise InvalidArgument for what cannot be asked."""
        if self.task not in _TASKS:
            raise InvalidArgument(
                f"task must be one of {', '.join(_TASKS)}. Received: {self.task!r}",
                field="spec.task",
            )
        spec = training_job_pb2.TrainingSpec(
            dataset=str(DatasetName(project, check_id(dataset, "dataset"))),
            dataset_version=whole(self.dataset_version, "spec.dataset_version"),
            model=str(ModelName(project, check_id(model, "model"))),
            task=model_pb2.Task.Name(_TASKS[self.task]),
            backbone=_backbone(self.backbone),
            seed=whole(self.seed, "spec.seed"),
            precision=_share(self.precision, "spec.precision"),
        )
        if self.budget_s is not None:
            spec.budget.CopyFrom(_duration(self.budget_s))
        return spec


def _share(number: float, field: str) -> float:
    if not 0 <= number < 1:
        text = f"{field} must be 0, or a share above 0 and below 1"
        raise InvalidArgument(f"{text}. Received: {number}", field=field)
    return number


def _backbone(text: str) -> str:
    if text in ("", AUTO):
        return AUTO
    name = text if text.startswith("backbones/") else f"backbones/{text}"
    return str(BackboneName.parse(name))


def _duration(seconds: float) -> duration_pb2.Duration:
    if not 0 < seconds <= 7 * 86_400:
        raise InvalidArgument(
            f"a budget is above 0 s and at most 7 days. Received: {seconds} s", field="spec.budget"
        )
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration


async def create(connection: Connection, project: str, spec: Any, request_id: str) -> Job:
    """Queue a job; a second call with the same request id answers the same job.

    Without one it gets an id here, not in the trainer: when gRPC repeats a call whose answer was
    lost, the job must not be made twice.
    """
    identity = request_id or _new_request_id()
    response = await _ask(connection, project, spec, identity, validate_only=False)
    return Job.from_proto(response.job)


def _new_request_id() -> str:
    """An id that sorts by time; it becomes the last part of the job's name."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + f"-{uuid.uuid4().hex[:8]}"


async def estimate(connection: Connection, project: str, spec: Any) -> Estimate:
    """Tell what a job would cost; raise what creating it would raise."""
    response = await _ask(connection, project, spec, "", validate_only=True)
    told = response.estimate
    return Estimate(
        example_count=told.example_count,
        uncached_count=told.uncached_count,
        backbone=told.backbone,
        low_s=told.duration_low.ToNanoseconds() / 1e9,
        high_s=told.duration_high.ToNanoseconds() / 1e9,
        warnings=tuple(told.warnings),
    )


async def _ask(
    connection: Connection, project: str, spec: Any, request_id: str, *, validate_only: bool
) -> Any:
    request = trainer_service_pb2.CreateTrainingJobRequest(
        parent=project_name(project),
        spec=spec,
        request_id=request_id,
        validate_only=validate_only,
    )
    return await connection.call("jobs", "CreateTrainingJob", request)
