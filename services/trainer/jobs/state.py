"""The life of a training job: a table of states and the one function that moves between them.

    state        event               next
    -            queued              QUEUED
    QUEUED       started             RUNNING      the next attempt begins
    QUEUED       failed              FAILED       its data set was deleted, or no attempt is left
    QUEUED       cancelled           CANCELLED
    RUNNING      progressed          RUNNING
    RUNNING      cancel_requested    CANCELLING
    RUNNING      interrupted         QUEUED       its worker died, or the store was away
    RUNNING      succeeded           SUCCEEDED
    RUNNING      failed              FAILED
    CANCELLING   succeeded           SUCCEEDED    it was already publishing
    CANCELLING   failed              FAILED
    CANCELLING   cancelled           CANCELLED

Pure: events in, job out. Nothing else in the suite changes a job.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from graft.errors import FailedPrecondition
from graft.trainer.v1 import training_job_pb2 as pb

NONE: Final = pb.JOB_STATE_UNSPECIFIED
QUEUED: Final = pb.JOB_STATE_QUEUED
RUNNING: Final = pb.JOB_STATE_RUNNING
CANCELLING: Final = pb.JOB_STATE_CANCELLING
SUCCEEDED: Final = pb.JOB_STATE_SUCCEEDED
FAILED: Final = pb.JOB_STATE_FAILED
CANCELLED: Final = pb.JOB_STATE_CANCELLED

TERMINAL: Final = frozenset({SUCCEEDED, FAILED, CANCELLED})
MAX_ATTEMPTS: Final = 5
"""How often a job is given to a worker before it fails for good."""

TRANSITIONS: Final = {
    (NONE, "queued"): QUEUED,
    (QUEUED, "started"): RUNNING,
    (QUEUED, "failed"): FAILED,
    (QUEUED, "cancelled"): CANCELLED,
    (RUNNING, "progressed"): RUNNING,
    (RUNNING, "cancel_requested"): CANCELLING,
    (RUNNING, "interrupted"): QUEUED,
    (RUNNING, "succeeded"): SUCCEEDED,
    (RUNNING, "failed"): FAILED,
    (CANCELLING, "succeeded"): SUCCEEDED,
    (CANCELLING, "failed"): FAILED,
    (CANCELLING, "cancelled"): CANCELLED,
}


class IllegalStep(FailedPrecondition):
    """The state of the job does not allow this event (JOB_STATE)."""


def new_job(name: str) -> pb.TrainingJob:
    """A job that has no event yet; it exists once `queued` is folded in."""
    return pb.TrainingJob(name=name)


def state_name(job: pb.TrainingJob) -> str:
    """The state without its prefix, `RUNNING`."""
    return pb.JobState.Name(job.state).removeprefix("JOB_STATE_")


def is_terminal(job: pb.TrainingJob) -> bool:
    """Whether the job has ended; no event follows."""
    return job.state in TERMINAL


def allows(job: pb.TrainingJob, kind: str) -> bool:
    """Whether an event of this kind may come next."""
    return (job.state, kind) in TRANSITIONS


def fold(job: pb.TrainingJob, event: pb.JobEvent) -> pb.TrainingJob:
    """The job after one more event; the given job is left as it is.

    Raises IllegalStep when the event may not come next.
    """
    kind = event.WhichOneof("kind") or "nothing"
    _check(job, event, kind)
    after = pb.TrainingJob()
    after.CopyFrom(job)
    after.state = TRANSITIONS[job.state, kind]
    after.revision = event.revision
    after.ClearField("progress")
    _set_facts(after, event, kind)
    if after.state in TERMINAL:
        after.end_time.CopyFrom(event.time)
    return after


def replay(name: str, events: Iterable[pb.JobEvent]) -> pb.TrainingJob:
    """The job after all of its events; raises as `fold` does."""
    job = new_job(name)
    for event in events:
        job = fold(job, event)
    return job


def _check(job: pb.TrainingJob, event: pb.JobEvent, kind: str) -> None:
    if not allows(job, kind):
        raise refusal(job, kind)
    if event.revision != job.revision + 1:
        raise refusal(job, f"event {event.revision} (after {job.revision})")
    if kind == "started" and event.started != job.attempts + 1:
        raise refusal(job, f"attempt {event.started} (after {job.attempts})")


def _set_facts(after: pb.TrainingJob, event: pb.JobEvent, kind: str) -> None:
    """Copy what the event says, besides the state, into the job."""
    if kind == "queued":
        after.spec.CopyFrom(event.queued)
        after.create_time.CopyFrom(event.time)
    elif kind == "started":
        after.attempts = event.started
        if not after.HasField("start_time"):
            after.start_time.CopyFrom(event.time)
    elif kind == "progressed":
        after.progress.CopyFrom(event.progressed)
    elif kind == "succeeded":
        after.result.CopyFrom(event.succeeded)
    elif kind == "failed":
        after.error.CopyFrom(event.failed)


def refusal(job: pb.TrainingJob, received: str) -> IllegalStep:
    """The error for a step that the state of the job does not allow."""
    state = state_name(job)
    return IllegalStep(
        f"{job.name} is {state}, which does not allow this step. Received: {received}",
        reason="JOB_STATE",
        metadata={"name": job.name, "state": state},
    )
