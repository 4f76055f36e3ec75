from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from graft.common.v1 import problem_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer.jobs import state

NAME = "projects/p/trainingJobs/j"
SPEC = pb.TrainingSpec(dataset="projects/p/datasets/d", model="projects/p/models/m", seed=3)


def event(revision: int, **kind: Any) -> pb.JobEvent:
    return pb.JobEvent(revision=revision, time=Timestamp(seconds=100 + revision), **kind)


def job_after(*kinds: dict[str, Any]) -> pb.TrainingJob:
    return state.replay(NAME, [event(n, **kind) for n, kind in enumerate(kinds, start=1)])


def test_a_job_that_goes_well() -> None:
    job = job_after(
        {"queued": SPEC},
        {"started": 1},
        {"progressed": pb.Progress(phase="embed", done=3, total=9)},
        {"succeeded": pb.TrainingResult(version=7)},
    )
    assert job.state == pb.JOB_STATE_SUCCEEDED
    assert (job.name, job.spec, job.result.version) == (NAME, SPEC, 7)
    assert (job.create_time.seconds, job.start_time.seconds, job.end_time.seconds) == (
        101,
        102,
        104,
    )
    assert (job.revision, job.attempts) == (4, 1)
    assert not job.HasField("progress")
    assert not job.HasField("error")


def test_progress_is_told_only_while_running() -> None:
    told = {"progressed": pb.Progress(phase="search", done=1, total=2)}
    running = job_after({"queued": SPEC}, {"started": 1}, told)
    assert running.progress.phase == "search"
    after = state.fold(running, event(4, cancel_requested=True))
    assert after.state == pb.JOB_STATE_CANCELLING
    assert not after.HasField("progress")


def test_an_interrupted_job_is_queued_again_and_keeps_its_first_start() -> None:
    job = job_after(
        {"queued": SPEC}, {"started": 1}, {"interrupted": "the worker died"}, {"started": 2}
    )
    assert (job.state, job.attempts, job.start_time.seconds) == (pb.JOB_STATE_RUNNING, 2, 102)


def test_a_failed_job_says_why() -> None:
    problem = problem_pb2.Problem(message="no such data set")
    job = job_after({"queued": SPEC}, {"failed": problem})
    assert (job.state, job.error.message) == (pb.JOB_STATE_FAILED, "no such data set")


@pytest.mark.parametrize(
    "ending", [{"succeeded": pb.TrainingResult()}, {"cancelled": True}, {"failed": {}}]
)
def test_a_job_that_is_cancelling_can_end_in_every_way(ending: dict[str, Any]) -> None:
    job = job_after({"queued": SPEC}, {"started": 1}, {"cancel_requested": True}, ending)
    assert state.is_terminal(job)


@pytest.mark.parametrize(
    "kinds",
    [
        [{"started": 1}],
        [{"queued": SPEC}, {"queued": SPEC}],
        [{"queued": SPEC}, {"progressed": pb.Progress()}],
        [{"queued": SPEC}, {"succeeded": pb.TrainingResult()}],
        [{"queued": SPEC}, {"cancelled": True}, {"started": 1}],
        [{"queued": SPEC}, {"started": 1}, {"cancelled": True}],
        [{"queued": SPEC}, {"started": 1}, {"cancel_requested": True}, {"interrupted": "x"}],
        [{"queued": SPEC}, {"started": 2}],
        [{"queued": SPEC}, {"started": 1}, {"interrupted": "x"}, {"started": 1}],
        [{}],
    ],
)
def test_steps_that_make_no_sense_are_refused(kinds: list[dict[str, Any]]) -> None:
    with pytest.raises(state.IllegalStep) as caught:
        job_after(*kinds)
    assert caught.value.reason == "JOB_STATE"
    assert caught.value.metadata["name"] == NAME


@pytest.mark.parametrize("revision", [0, 1, 3])
def test_a_revision_that_is_not_the_next_one_is_refused(revision: int) -> None:
    job = job_after({"queued": SPEC})
    with pytest.raises(state.IllegalStep, match="after 1"):
        state.fold(job, event(revision, started=1))


def test_fold_leaves_the_job_it_was_given_alone() -> None:
    job = job_after({"queued": SPEC})
    before = job.SerializeToString()
    state.fold(job, event(2, started=1))
    assert job.SerializeToString() == before


def test_the_table_has_every_event_and_every_state() -> None:
    kinds = {field.name for field in pb.JobEvent.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert {kind for _, kind in state.TRANSITIONS} == kinds
    assert {*state.TRANSITIONS.values()} == {*pb.JobState.values()} - {state.NONE}
    assert not {at for at, _ in state.TRANSITIONS} & state.TERMINAL
