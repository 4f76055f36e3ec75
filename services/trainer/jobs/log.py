"""The durable log of training jobs: event n is an object that is written if absent.

Two writers can never both write event n: the loser gets Conflict and reads again. When a job has
ended, what its events fold to is kept beside them in one object, so that a trainer that starts
need not read the events of every job that ever was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from google.protobuf import json_format

from graft.errors import AlreadyExists, Conflict, DataLoss, NotFound
from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import layout
from services.common.store import Store
from services.trainer.jobs import state

M = TypeVar("M", pb.JobEvent, pb.TrainingJob)


class JobLog:
    """Reads and writes the log; synchronous, safe for threads and processes. Holds no state."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, name: JobName, queued: pb.JobEvent) -> bool:
        """Write the first event; answer False when the job is there already."""
        try:
            self.append(name, queued)
        except Conflict:
            return False
        return True

    def append(self, name: JobName, event: pb.JobEvent) -> None:
        """Write the event of this revision; raise Conflict when another writer did so first."""
        key = layout.job_event(name, event.revision)
        self._store.put(key, _to_json(event), if_absent=True)

    def read(self, name: JobName, *, after: int = 0) -> list[pb.JobEvent]:
        """The events after a revision, ascending without gaps; NotFound when there is no job."""
        prefix = layout.job_events_prefix(name)
        keys = [info.key for info in self._store.list(prefix)]
        if not keys:
            raise not_found(name)
        wanted = [layout.job_event(name, number) for number in range(1, len(keys) + 1)]
        if keys != wanted:
            missing = sorted(set(wanted) - set(keys))[0]
            raise _damaged(missing, "is missing, though later events are there")
        return [_from_json(self._store.get(key), pb.JobEvent(), key) for key in keys[after:]]

    def read_job(self, name: JobName) -> pb.TrainingJob:
        """The job as the log has it; NotFound when there is none."""
        key = layout.job(name)
        try:
            return _from_json(self._store.get(key), pb.TrainingJob(), key)
        except NotFound:
            return self.fold(name, self.read(name))

    def fold(self, name: JobName, events: list[pb.JobEvent]) -> pb.TrainingJob:
        """Fold stored events; DataLoss when they do not follow from each other."""
        try:
            return state.replay(str(name), events)
        except state.IllegalStep as error:
            raise _damaged(layout.job_events_prefix(name), f"does not fold: {error}") from error

    def keep_ended(self, name: JobName, job: pb.TrainingJob) -> None:
        """Keep what the events of an ended job fold to; a reader's short cut, nothing more."""
        self._store.put(layout.job(name), _to_json(job))

    def names(self) -> Iterator[JobName]:
        """All jobs of all projects."""
        for project in self._store.children(layout.PROJECTS):
            for job in self._store.children(layout.jobs_prefix(project)):
                yield JobName(project, job)


def newest_first(job: pb.TrainingJob) -> tuple[int, str]:
    """The key by which jobs are listed."""
    return -job.create_time.ToNanoseconds(), job.name


def check_same_request(name: JobName, asked: pb.TrainingSpec, stored: pb.TrainingSpec) -> None:
    """Raise AlreadyExists unless the job of `stored` is what `asked` would have made.

    The version of the data set is compared only where the request names one: "the newest" was
    settled when the job was made, and a repeated request means that job.
    """
    left = pb.TrainingSpec()
    left.CopyFrom(stored)
    if not asked.dataset_version:
        left.dataset_version = 0
    if left != asked:
        raise AlreadyExists(
            f"{name} exists with another spec; choose another request_id. Received:"
            f" {json_format.MessageToJson(asked, indent=None)}",
            metadata={"name": str(name)},
        )


def not_found(name: JobName) -> NotFound:
    """The error for a job that is not there."""
    return NotFound(
        f"{name} does not exist; `graft jobs list` tells which do. Received: {str(name)!r}",
        metadata={"name": str(name)},
    )


def _damaged(key: str, what: str) -> DataLoss:
    return DataLoss(f"{key} {what}; restore it or remove the job", metadata={"key": key})


def _to_json(message: pb.JobEvent | pb.TrainingJob) -> bytes:
    text = json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)
    return text.encode()


def _from_json(data: bytes, message: M, key: str) -> M:
    try:
        json_format.Parse(data, message, ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise _damaged(key, "cannot be read") from error
    return message
