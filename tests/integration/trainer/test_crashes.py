"""The trainer as a process that is killed, stopped and started again over the same store."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from graft.trainer.v1 import trainer_service_pb2, trainer_service_pb2_grpc
from graft.trainer.v1 import training_job_pb2 as pb
from tests.support import calls
from tests.support.embedder import FakeEmbedder
from tests.support.suite import Suite
from tests.support.trainer import pictures, workers

SUCCEEDED, CANCELLED = pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_CANCELLED


@pytest.fixture
def suite(tmp_path: Path, embedder: FakeEmbedder) -> Iterator[Suite]:
    suite = Suite(tmp_path, GRAFT_EMBEDDER=embedder.address)
    suite.launch("trainer")
    try:
        suite.wait("trainer")
        yield suite
    finally:
        suite.close()


@pytest.fixture
def channel(suite: Suite) -> Iterator[grpc.Channel]:
    with suite.channel("trainer") as channel:
        yield channel


def get(channel: grpc.Channel, name: str) -> pb.TrainingJob:
    request = trainer_service_pb2.GetTrainingJobRequest(name=name)
    stub = trainer_service_pb2_grpc.TrainerServiceStub(channel)
    found: pb.TrainingJob = stub.GetTrainingJob(request, wait_for_ready=True, timeout=20).job
    return found


def gone(pids: list[int]) -> bool:
    """Whether these processes end within two seconds, killed by nobody here."""
    deadline = time.monotonic() + 2
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_killed_trainer_takes_its_jobs_up_again_without_embedding_twice(
    suite: Suite, channel: grpc.Channel, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 0.1
    calls.import_examples(channel, "d", pictures(4, 50))
    first = calls.create_job(channel, "d", "m")
    second = calls.create_job(channel, "d", "m2")
    embedder.wait_for(128)
    left = workers(suite.pid("trainer"))
    suite.kill("trainer")
    assert len(left) == 1
    assert gone(left)
    before = len(embedder.servicer.embedded)
    suite.launch("trainer")
    suite.wait("trainer")
    done = calls.finish(channel, first.name)
    assert (done.state, done.attempts) == (SUCCEEDED, 2)
    assert done.result.cached_count >= 64
    assert len(embedder.servicer.embedded) - before == done.result.embedded_count
    assert calls.finish(channel, second.name).result.embedded_count == 0


def test_a_trainer_that_is_stopped_goes_at_once_and_its_watchers_go_on_later(
    suite: Suite, channel: grpc.Channel, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 0.2
    calls.import_examples(channel, "d", pictures(4, 50))
    job = calls.create_job(channel, "d", "m")
    seen: list[int] = []

    def watch_and_stop() -> None:
        for answer in calls.watch(channel, job.name):
            seen.append(answer.event.revision)
            if answer.job.progress.phase == "embed":
                os.kill(suite.pid("trainer"), signal.SIGTERM)

    started = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        watch_and_stop()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert suite.terminate("trainer") == 0
    assert time.monotonic() - started < 5
    suite.launch("trainer")
    suite.wait("trainer")
    for answer in calls.watch(channel, job.name, after=seen[-1]):
        seen.append(answer.event.revision)
    assert seen == list(range(1, len(seen) + 1))
    assert answer.job.state == SUCCEEDED


def test_a_job_that_was_being_cancelled_is_cancelled_after_a_restart(
    suite: Suite, channel: grpc.Channel, embedder: FakeEmbedder, tmp_path: Path
) -> None:
    embedder.servicer.delay_s = 5
    calls.import_examples(channel, "d", pictures(2, 8))
    job = calls.create_job(channel, "d", "m")
    for answer in calls.watch(channel, job.name):
        if answer.job.progress.phase == "embed":
            break
    trainer_service_pb2_grpc.TrainerServiceStub(channel).CancelTrainingJob(
        trainer_service_pb2.CancelTrainingJobRequest(name=job.name)
    )
    suite.restart("trainer")
    assert get(channel, job.name).state == CANCELLED
    assert not list(tmp_path.glob("store/projects/default/models/**/*.json"))


def test_ended_jobs_are_known_after_a_restart(suite: Suite, channel: grpc.Channel) -> None:
    calls.import_examples(channel, "d", pictures(2, 5))
    done = calls.finish(channel, calls.create_job(channel, "d", "m").name)
    events = list(calls.watch(channel, done.name))
    suite.restart("trainer")
    assert get(channel, done.name) == done
    assert list(calls.watch(channel, done.name)) == events
    request = trainer_service_pb2.ListTrainingJobsRequest(parent=calls.PROJECT)
    stub = trainer_service_pb2_grpc.TrainerServiceStub(channel)
    assert list(stub.ListTrainingJobs(request).jobs) == [done]
