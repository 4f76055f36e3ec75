from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from graft.errors import InvalidArgument
from graft.model.v1 import model_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer.fields import check_spec, job_name

PARENT = "projects/p"


def spec(**fields: Any) -> pb.TrainingSpec:
    return pb.TrainingSpec(
        **{"dataset": f"{PARENT}/datasets/d", "model": f"{PARENT}/models/m", **fields}
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"backbone": "auto"},
        {"backbone": "backbones/b"},
        {"task": model_pb2.TASK_CLASSIFICATION, "seed": 2**62, "precision": 0.9},
        {"budget": timedelta(seconds=30), "dataset_version": 4},
    ],
)
def test_a_right_spec_answers_its_project(fields: dict[str, Any]) -> None:
    assert check_spec(PARENT, spec(**fields)) == "p"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"dataset": "d"}, "spec.dataset"),
        ({"dataset": "projects/q/datasets/d"}, "spec.dataset"),
        ({"model": "projects/p/models/a/b"}, "spec.model"),
        ({"model": "projects/q/models/m"}, "spec.model"),
        ({"backbone": "mobilenet"}, "spec.backbone"),
        ({"seed": -1}, "spec.seed"),
        ({"precision": 1.0}, "spec.precision"),
        ({"dataset_version": -3}, "spec.dataset_version"),
        ({"budget": timedelta(0)}, "spec.budget"),
        ({"task": 9}, "spec.task"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument, match="Received: ") as caught:
        check_spec(PARENT, spec(**fields))
    assert caught.value.field == field


def test_a_wrong_parent_is_named() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_spec("p", spec())
    assert caught.value.field == "parent"


@pytest.mark.parametrize("request_id", ["a", "job-7", "x" * 63, "20260101-120000-abcdef01"])
def test_a_request_id_becomes_the_id_of_the_job(request_id: str) -> None:
    assert job_name("p", request_id).job == request_id


@pytest.mark.parametrize("request_id", ["A", "a_b", "a/b", "-a", "x" * 64, "ü", " "])
def test_a_wrong_request_id_is_named(request_id: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        job_name("p", request_id)
    assert caught.value.field == "request_id"
