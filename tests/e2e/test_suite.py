"""The whole suite as three processes: the main job, and what happens when a part of it dies."""

from __future__ import annotations

import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from graft.common.v1 import content_pb2, info_service_pb2, info_service_pb2_grpc
from graft.model.v1 import evaluation_pb2
from graft.trainer.v1 import (
    dataset_service_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    training_job_pb2,
)
from tests.support import calls, digits
from tests.support.suite import SERVICES, Suite

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SUCCEEDED = training_job_pb2.JOB_STATE_SUCCEEDED
FOLLOW_S = 2.0
HELD_OUT = 160  # pictures from this number on are never trained on


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with Suite(tmp_path_factory.mktemp("suite")) as running:
        yield running


@pytest.fixture
def trainer(suite: Suite) -> Iterator[grpc.Channel]:
    with suite.channel("trainer") as channel:
        yield channel


@pytest.fixture
def predictor(suite: Suite) -> Iterator[grpc.Channel]:
    with suite.channel("predictor") as channel:
        yield channel


def train(
    trainer: grpc.Channel, model: str, *, first: int, count: int
) -> training_job_pb2.TrainingJob:
    calls.import_examples(trainer, model, digits.examples(first=first, count=count))
    return calls.finish(trainer, calls.create_job(trainer, model, model).name)


def held_out(count: int) -> list[tuple[str, bytes]]:
    return [
        (label, digits.picture(label, number))
        for label in digits.LABELS
        for number in range(HELD_OUT, HELD_OUT + count)
    ]


def test_pictures_become_a_model_that_answers(
    trainer: grpc.Channel, predictor: grpc.Channel
) -> None:
    job = train(trainer, "digits", first=0, count=25)
    assert job.state == SUCCEEDED, job.error
    assert job.result.embedded_count == 250
    pictures = held_out(10)
    answer = calls.predict(predictor, "digits", [image for _, image in pictures])
    right = sum(
        p.label == label for p, (label, _) in zip(answer.predictions, pictures, strict=True)
    )
    accuracy = right / len(pictures)
    # 100 pictures: three standard errors around what cross-validation promised.
    assert abs(accuracy - job.result.accuracy.estimate) < 0.15
    assert accuracy > 0.7
    assert answer.model_version == job.result.model_version
    assert {timing.stage for timing in answer.timings} >= {"resolve", "embed", "head"}


def test_training_again_embeds_only_what_is_new(trainer: grpc.Channel) -> None:
    first = train(trainer, "again", first=25, count=5)
    assert (first.result.embedded_count, first.result.cached_count) == (50, 0)
    second = train(trainer, "again", first=25, count=6)
    assert (second.result.embedded_count, second.result.cached_count) == (10, 50)
    assert second.result.version == 2


def test_the_report_adds_up(trainer: grpc.Channel) -> None:
    train(trainer, "report", first=0, count=5)
    request = model_service_pb2.GetEvaluationRequest(
        name=f"{calls.PROJECT}/models/report", include_html=True
    )
    answer = model_service_pb2_grpc.ModelServiceStub(trainer).GetEvaluation(request)
    report: evaluation_pb2.Evaluation = answer.evaluation
    assert report.data.example_count == report.evaluated_count == 50
    assert sum(report.confusion.counts) == 50
    assert report.accuracy.low < report.accuracy.estimate < report.accuracy.high
    assert sum(candidate.chosen for candidate in report.candidates) == 1
    assert b"<html" in answer.html


def bearing(first: int, count: int) -> list[tuple[frozenset[str], bytes]]:
    """Pictures that show none, one or two of three digits, in turn."""
    shown = [(), ("0",), ("1",), ("2",), ("0", "1"), ("1", "2"), ("2", "0")]
    return [
        (
            frozenset(digits_of),
            digits.beside(*((label, first + number // len(shown)) for label in digits_of)),
        )
        for number in range(count)
        for digits_of in [shown[number % len(shown)]]
    ]


def test_pictures_of_several_labels_become_a_model_that_answers_all_of_them(
    trainer: grpc.Channel, predictor: grpc.Channel
) -> None:
    examples = [
        dataset_service_pb2.Example(
            path=f"{number}.png",
            labels=sorted(labels),
            content=content_pb2.Content(image=image),
        )
        for number, (labels, image) in enumerate(bearing(0, 105))
    ]
    blank = next(n for n, one in enumerate(examples) if not one.labels)
    examples = [one for n, one in enumerate(examples) if one.labels or n == blank]
    calls.import_examples(trainer, "several", iter(examples))
    job = calls.finish(trainer, calls.create_job(trainer, "several", "several").name)
    assert job.state == SUCCEEDED, job.error
    request = model_service_pb2.GetEvaluationRequest(name=f"{calls.PROJECT}/models/several")
    report = model_service_pb2_grpc.ModelServiceStub(trainer).GetEvaluation(request).evaluation
    assert report.several_labels
    assert report.micro_f1 > 0.6
    fresh = bearing(HELD_OUT - 10, 63)
    answer = calls.predict(predictor, "several", [image for _, image in fresh])
    given = [{one.label for one in each.borne.labels} for each in answer.predictions]
    right = [labels == said for (labels, _), said in zip(fresh, given, strict=True) if labels]
    assert all(each.HasField("borne") for each in answer.predictions)
    assert sum(right) / len(right) > 0.5


def test_an_alias_moves_under_load_without_a_failed_request(
    suite: Suite, trainer: grpc.Channel, predictor: grpc.Channel
) -> None:
    for count in (4, 5):
        train(trainer, "flip", first=0, count=count)
    image = digits.picture("3", HELD_OUT)
    stop, seen, failed = threading.Event(), [], []

    def load() -> None:
        while not stop.is_set():
            try:
                version = calls.predict(predictor, "flip", [image]).model_version
                seen.append((time.monotonic(), version.rpartition("/")[2]))
            except grpc.RpcError as error:
                failed.append(error)

    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(load) for _ in range(2)]
        moved = set_live(trainer, "flip", 1)
        time.sleep(FOLLOW_S + 0.5)
        back = set_live(trainer, "flip", 2)
        time.sleep(FOLLOW_S + 0.5)
        stop.set()
        for worker in workers:
            worker.result()
    assert failed == []
    assert {v for at, v in seen if moved + FOLLOW_S < at < back} == {"1"}
    assert {v for at, v in seen if at > back + FOLLOW_S} == {"2"}


def set_live(trainer: grpc.Channel, model: str, version: int) -> float:
    request = model_service_pb2.SetAliasRequest(
        name=f"{calls.PROJECT}/models/{model}/aliases/live", version=version
    )
    model_service_pb2_grpc.ModelServiceStub(trainer).SetAlias(request)
    return time.monotonic()


def phase(job: training_job_pb2.TrainingJob) -> str:
    return job.progress.phase


@pytest.mark.parametrize("victim", SERVICES)
def test_a_service_killed_during_a_run_does_not_lose_the_run(
    suite: Suite, trainer: grpc.Channel, victim: str
) -> None:
    # Pictures which no other test has embedded, and so large that embedding takes a few seconds:
    # progress is told every half second.
    first = 42 * SERVICES.index(victim)
    examples = digits.examples(first=first, count=42, side=1920)
    calls.import_examples(trainer, f"kill-{victim}", examples)
    job = calls.create_job(trainer, f"kill-{victim}", f"kill-{victim}")
    states = (answer.job for answer in calls.watch(trainer, job.name))
    assert any(0 < state.progress.done < 420 for state in states if phase(state) == "embed")
    suite.restart(victim)
    with suite.channel("trainer") as channel, suite.channel("predictor") as predictor:
        done = calls.finish(channel, job.name, timeout=120)
        assert done.state == SUCCEEDED, done.error
        assert done.result.embedded_count + done.result.cached_count == 420
        image = digits.picture("7", HELD_OUT)
        assert calls.predict(predictor, f"kill-{victim}", [image]).predictions[0].label
    if victim == "trainer":
        assert done.attempts == 2
        assert done.result.cached_count > 0  # what was embedded before the kill was kept


@pytest.mark.parametrize("name", SERVICES)
def test_metrics_are_served_and_count_calls(suite: Suite, name: str) -> None:
    with suite.channel(name) as channel:
        question = info_service_pb2.GetServerInfoRequest()
        info_service_pb2_grpc.InfoServiceStub(channel).GetServerInfo(question, timeout=10)
    with urllib.request.urlopen(f"http://{suite.metrics[name]}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert re.search(r'^graft_request_seconds_bucket\{code="OK",le="[^"]+",method="/', text, re.M)
    assert "process_resident_memory_bytes" in text


def test_one_request_id_is_in_the_logs_of_all_services_that_work_on_it(
    suite: Suite, trainer: grpc.Channel
) -> None:
    job = train(trainer, "traced", first=0, count=3).name.rpartition("/")[2]
    assert f'"job": "{calls.PROJECT}/trainingJobs/{job}"' in suite.log("trainer")
    assert f'"request_id": "{job}"' in suite.log("embedder")
    with suite.channel("predictor") as channel:
        image = digits.picture("1", HELD_OUT)
        calls.predict(channel, "traced", [image], request_id="trace-42")
    for name in ("predictor", "embedder"):
        assert '"request_id": "trace-42"' in suite.log(name)
