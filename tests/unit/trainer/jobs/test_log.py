from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from graft.errors import AlreadyExists, Conflict, DataLoss, NotFound
from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import layout
from services.common.store import Store, open_store
from services.trainer.jobs import log, state

NAME = JobName("p", "j")
SPEC = pb.TrainingSpec(
    dataset="projects/p/datasets/d", dataset_version=4, model="projects/p/models/m"
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path), {})


@pytest.fixture
def jobs(store: Store) -> log.JobLog:
    return log.JobLog(store)


def event(revision: int, **kind: Any) -> pb.JobEvent:
    return pb.JobEvent(revision=revision, time=Timestamp(seconds=revision), **kind)


def fill(jobs: log.JobLog, name: JobName = NAME) -> None:
    jobs.create(name, event(1, queued=SPEC))
    jobs.append(name, event(2, started=1))


def test_events_come_back_as_they_were_written(jobs: log.JobLog) -> None:
    fill(jobs)
    assert jobs.read(NAME) == [event(1, queued=SPEC), event(2, started=1)]
    assert jobs.read(NAME, after=1) == [event(2, started=1)]


def test_the_first_writer_of_a_revision_wins(jobs: log.JobLog) -> None:
    fill(jobs)
    with pytest.raises(Conflict):
        jobs.append(NAME, event(2, cancelled=True))
    assert jobs.read(NAME)[1].WhichOneof("kind") == "started"


def test_a_job_is_created_once(jobs: log.JobLog) -> None:
    assert jobs.create(NAME, event(1, queued=SPEC))
    assert not jobs.create(NAME, event(1, queued=SPEC))


def test_more_than_nine_events_keep_their_order(jobs: log.JobLog) -> None:
    fill(jobs)
    for revision in range(3, 14):
        jobs.append(NAME, event(revision, progressed=pb.Progress(done=revision)))
    assert [found.revision for found in jobs.read(NAME)] == list(range(1, 14))


def test_a_job_that_was_never_made_is_not_found(jobs: log.JobLog) -> None:
    with pytest.raises(NotFound, match="projects/p/trainingJobs/j"):
        jobs.read(NAME)
    with pytest.raises(NotFound, match="graft jobs list"):
        jobs.read_job(NAME)


def test_a_job_is_the_fold_of_its_events(jobs: log.JobLog) -> None:
    fill(jobs)
    job = jobs.read_job(NAME)
    assert (job.name, job.state, job.spec) == (str(NAME), state.RUNNING, SPEC)


def test_what_is_kept_of_an_ended_job_spares_reading_its_events(
    jobs: log.JobLog, store: Store
) -> None:
    fill(jobs)
    jobs.append(NAME, event(3, succeeded=pb.TrainingResult(version=2)))
    ended = jobs.read_job(NAME)
    jobs.keep_ended(NAME, ended)
    store.delete(layout.job_event(NAME, 2))
    assert jobs.read_job(NAME) == ended


def test_a_missing_event_is_named(jobs: log.JobLog, store: Store) -> None:
    fill(jobs)
    jobs.append(NAME, event(3, interrupted="x"))
    store.delete(layout.job_event(NAME, 2))
    with pytest.raises(DataLoss, match=r"events/00000002\.json is missing"):
        jobs.read(NAME)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"revision": "x"}'])
def test_an_unreadable_event_is_named(jobs: log.JobLog, store: Store, data: bytes) -> None:
    fill(jobs)
    store.put(layout.job_event(NAME, 2), data)
    with pytest.raises(DataLoss, match=r"events/00000002\.json cannot be read"):
        jobs.read(NAME)


def test_events_that_do_not_follow_from_each_other_are_damage(jobs: log.JobLog) -> None:
    jobs.create(NAME, event(1, queued=SPEC))
    jobs.append(NAME, event(2, succeeded=pb.TrainingResult()))
    with pytest.raises(DataLoss, match="does not fold"):
        jobs.read_job(NAME)


def test_a_field_of_a_newer_trainer_is_overlooked(jobs: log.JobLog, store: Store) -> None:
    fill(jobs)
    store.put(layout.job_event(NAME, 2), b'{"revision": "2", "started": 1, "mood": "good"}')
    assert jobs.read(NAME)[1].started == 1


def test_all_jobs_of_all_projects_are_found(jobs: log.JobLog, store: Store) -> None:
    store.put("projects/empty/models/m/1/claim.json", b"{}")
    for name in (JobName("q", "b"), JobName("p", "a"), JobName("p", "b")):
        fill(jobs, name)
    assert sorted(map(str, jobs.names())) == [
        "projects/p/trainingJobs/a",
        "projects/p/trainingJobs/b",
        "projects/q/trainingJobs/b",
    ]


def test_newest_jobs_come_first_and_equals_by_name() -> None:
    def made(name: str, second: int) -> pb.TrainingJob:
        return pb.TrainingJob(name=name, create_time=Timestamp(seconds=second))

    jobs = [made("b", 5), made("c", 9), made("a", 5)]
    assert [job.name for job in sorted(jobs, key=log.newest_first)] == ["c", "a", "b"]


def asking(version: int, seed: int = 0) -> pb.TrainingSpec:
    asked = pb.TrainingSpec()
    asked.CopyFrom(SPEC)
    asked.dataset_version, asked.seed = version, seed
    return asked


def test_asking_for_the_newest_version_again_means_the_same_job() -> None:
    log.check_same_request(NAME, asking(0), SPEC)
    log.check_same_request(NAME, asking(4), SPEC)


@pytest.mark.parametrize("other", [asking(5), asking(0, seed=1)])
def test_another_spec_under_the_same_id_is_refused(other: pb.TrainingSpec) -> None:
    with pytest.raises(AlreadyExists, match="choose another request_id") as caught:
        log.check_same_request(NAME, other, SPEC)
    assert caught.value.metadata == {"name": str(NAME)}
