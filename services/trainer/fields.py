"""Checks of request fields: each error names its field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from graft.errors import InvalidArgument
from graft.model.v1 import model_pb2
from graft.names import DatasetName, JobName, ModelName, parse_project
from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer import backbone_choice

T = TypeVar("T")

_TASKS: Final = (
    model_pb2.TASK_UNSPECIFIED,
    model_pb2.TASK_CLASSIFICATION,
    model_pb2.TASK_MULTI_LABEL,
    model_pb2.TASK_DETECTION,
)


def parse_field(field: str, parse: Callable[[str], T], text: str) -> T:
    """Parse a field's text; an InvalidArgument names the field."""
    try:
        return parse(text)
    except InvalidArgument as error:
        error.field = field
        raise


def check_spec(parent: str, spec: pb.TrainingSpec) -> str:
    """Check all of a spec that can be checked without looking anything up; answer the project."""
    project = parse_field("parent", parse_project, parent)
    dataset = parse_field("spec.dataset", DatasetName.parse, spec.dataset)
    model = parse_field("spec.model", ModelName.parse, spec.model)
    for field, found in (("spec.dataset", dataset.project), ("spec.model", model.project)):
        _check(found == project, field, f"it must lie in {parent}, like the job", found)
    _check(spec.task in _TASKS, "spec.task", _known(), _named(spec.task))
    _check(spec.seed >= 0, "spec.seed", "it must be 0 or more", spec.seed)
    share = spec.precision
    _check(0 <= share < 1, "spec.precision", "it must be 0 or a share below 1", share)
    version = spec.dataset_version
    _check(version >= 0, "spec.dataset_version", "it must be 0 or more", version)
    if spec.HasField("budget"):
        budget = spec.budget.ToNanoseconds()
        _check(budget > 0, "spec.budget", "it must be above 0 s", f"{budget / 1e9:g} s")
    backbone_choice.named(spec.backbone)
    return project


def job_name(project: str, request_id: str) -> JobName:
    """The job that a request id means."""
    _check("_" not in request_id, "request_id", "it takes a-z, 0-9 and '-'", request_id)
    return parse_field("request_id", JobName.parse, f"projects/{project}/trainingJobs/{request_id}")


def _known() -> str:
    """What a task may be, as a rule for the caller."""
    return f"this version trains {', '.join(map(_named, _TASKS[1:]))}"


def _named(task: model_pb2.Task) -> str:
    """The name of a task; of a number that is none, the number."""
    return model_pb2.Task.Name(task) if task in model_pb2.Task.values() else str(task)


def _check(right: bool, field: str, rule: str, received: object) -> None:
    if not right:
        raise InvalidArgument(f"{field}: {rule}. Received: {received!r}", field=field)
