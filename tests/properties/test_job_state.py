"""Whatever events come in whatever order: they fold to a job, or are refused and change nothing."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from graft.common.v1 import problem_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer.jobs import state

NAME = "projects/p/trainingJobs/j"
KINDS: dict[str, Any] = {
    "queued": pb.TrainingSpec(dataset="projects/p/datasets/d"),
    "progressed": pb.Progress(phase="embed"),
    "cancel_requested": True,
    "succeeded": pb.TrainingResult(version=1),
    "failed": problem_pb2.Problem(message="why"),
    "cancelled": True,
    "interrupted": "the worker died",
}
HELPFUL = st.sampled_from([*KINDS, "started", "started", "interrupted", "progressed"])
events = st.lists(st.tuples(HELPFUL, st.integers(-1, 1), st.integers(-1, 1)), max_size=30)


def make(job: pb.TrainingJob, kind: str, slip: int, attempt_slip: int) -> pb.JobEvent:
    """The next event of this kind, its numbers off by a little where the slips are not 0."""
    value = job.attempts + 1 + attempt_slip if kind == "started" else KINDS[kind]
    event = pb.JobEvent(revision=job.revision + 1 + slip, time=Timestamp(seconds=1))
    setattr(event, kind, value) if not hasattr(value, "CopyFrom") else getattr(
        event, kind
    ).CopyFrom(value)
    return event


@given(events)
def test_any_order_folds_or_is_refused(steps: list[tuple[str, int, int]]) -> None:
    job, kept = state.new_job(NAME), []
    for kind, slip, attempt_slip in [("queued", 0, 0), *steps]:
        event = make(job, kind, slip, attempt_slip)
        before = job.SerializeToString(deterministic=True)
        try:
            after = state.fold(job, event)
        except state.IllegalStep:
            assert job.SerializeToString(deterministic=True) == before
            continue
        assert not state.is_terminal(job)
        assert after.revision == job.revision + 1
        assert after.attempts - job.attempts == (kind == "started")
        assert after.HasField("end_time") == state.is_terminal(after)
        assert after.HasField("result") == (after.state == state.SUCCEEDED)
        assert after.HasField("error") == (after.state == state.FAILED)
        assert state.allows(job, kind)
        job = after
        kept.append(event)
    assert [event.revision for event in kept] == list(range(1, len(kept) + 1))
    assert state.replay(NAME, kept) == job


@given(st.sampled_from(sorted(state.TERMINAL)), HELPFUL)
def test_nothing_follows_an_end(terminal: Any, kind: str) -> None:
    job = pb.TrainingJob(name=NAME, state=terminal, revision=4, attempts=1)
    try:
        state.fold(job, make(job, kind, 0, 0))
    except state.IllegalStep:
        return
    raise AssertionError(f"{kind} was taken after {terminal}")
