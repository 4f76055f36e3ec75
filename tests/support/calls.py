"""The main job through bare stubs, as a caller in any language would do it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc

from graft.channel import REQUEST_ID_KEY
from graft.common.v1 import content_pb2
from graft.predictor.v1 import predictor_service_pb2, predictor_service_pb2_grpc
from graft.trainer.v1 import (
    dataset_pb2,
    dataset_service_pb2,
    dataset_service_pb2_grpc,
    trainer_service_pb2,
    trainer_service_pb2_grpc,
    training_job_pb2,
)

PROJECT = "projects/default"
CALL_S = 60.0
PER_MESSAGE = 50
ENDED = (
    training_job_pb2.JOB_STATE_SUCCEEDED,
    training_job_pb2.JOB_STATE_FAILED,
    training_job_pb2.JOB_STATE_CANCELLED,
)


def import_examples(
    channel: grpc.Channel, dataset: str, examples: Iterable[dataset_service_pb2.Example]
) -> dataset_pb2.Dataset:
    """Make a new version of a data set of exactly these examples."""
    stub = dataset_service_pb2_grpc.DatasetServiceStub(channel)
    answer: dataset_service_pb2.ImportExamplesResponse = stub.ImportExamples(
        _messages(f"{PROJECT}/datasets/{dataset}", list(examples)), timeout=CALL_S
    )
    return answer.dataset


def _messages(
    dataset: str, examples: list[dataset_service_pb2.Example]
) -> Iterator[dataset_service_pb2.ImportExamplesRequest]:
    for start in range(0, len(examples), PER_MESSAGE):
        yield dataset_service_pb2.ImportExamplesRequest(
            dataset=dataset, examples=examples[start : start + PER_MESSAGE]
        )
    yield dataset_service_pb2.ImportExamplesRequest(last=True)


def create_job(
    channel: grpc.Channel, dataset: str, model: str, *, request_id: str = "", backbone: str = ""
) -> training_job_pb2.TrainingJob:
    """Queue a job that trains `model` on the newest version of `dataset`."""
    spec = training_job_pb2.TrainingSpec(
        dataset=f"{PROJECT}/datasets/{dataset}",
        model=f"{PROJECT}/models/{model}",
        backbone=backbone,
    )
    request = trainer_service_pb2.CreateTrainingJobRequest(
        parent=PROJECT, spec=spec, request_id=request_id
    )
    stub = trainer_service_pb2_grpc.TrainerServiceStub(channel)
    answer: trainer_service_pb2.CreateTrainingJobResponse = stub.CreateTrainingJob(
        request, timeout=CALL_S
    )
    return answer.job


def watch(
    channel: grpc.Channel, job: str, *, after: int = 0, timeout: float = CALL_S
) -> Iterator[trainer_service_pb2.WatchTrainingJobResponse]:
    """The events of a job until its end."""
    request = trainer_service_pb2.WatchTrainingJobRequest(name=job, after_revision=after)
    yield from trainer_service_pb2_grpc.TrainerServiceStub(channel).WatchTrainingJob(
        request, timeout=timeout
    )


def finish(
    channel: grpc.Channel, job: str, *, timeout: float = CALL_S
) -> training_job_pb2.TrainingJob:
    """The job after its last event."""
    last = training_job_pb2.TrainingJob()
    for answer in watch(channel, job, timeout=timeout):
        last = answer.job
    return last


def predict(
    channel: grpc.Channel,
    model: str,
    images: list[bytes],
    *,
    timeout: float = CALL_S,
    request_id: str = "",
) -> predictor_service_pb2.PredictResponse:
    """Label images with a model: a name below the project, or a full name."""
    metadata = ((REQUEST_ID_KEY, request_id),) if request_id else ()
    name = model if model.startswith("projects/") else f"{PROJECT}/models/{model}"
    request = predictor_service_pb2.PredictRequest(
        model=name, items=[content_pb2.Content(image=image) for image in images]
    )
    stub = predictor_service_pb2_grpc.PredictorServiceStub(channel)
    answer: predictor_service_pb2.PredictResponse = stub.Predict(
        request, timeout=timeout, metadata=metadata
    )
    return answer
