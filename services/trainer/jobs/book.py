"""All jobs in memory, each change written to the log before anybody sees it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import timestamp_pb2

from graft.errors import Conflict, DataLoss, GraftError, InvalidArgument, NotFound, Unavailable
from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import metrics
from services.common.blocking import Bridge
from services.trainer.jobs import log, state

_LOG = logging.getLogger(__name__)

MAX_KNOWN_JOBS: Final = 10_000
"""Ended jobs that are listed; of more, the oldest are only found by name."""
MAX_KEPT_HISTORIES: Final = 100
"""Ended jobs whose events stay in memory; those of others are read again when asked for."""
MAX_WATCHERS: Final = 1_000
_READ_AT_ONCE: Final = 64
_MAX_LOST_RACES: Final = 100


@dataclass(slots=True, eq=False)
class _Record:
    """One job. `events` is None where they are only in the log; `unsure` is an event whose write
    was begun and not heard of again.
    """

    job: pb.TrainingJob
    events: list[pb.JobEvent] | None
    unsure: pb.JobEvent | None = None
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class JobBook:
    """Owns what is known of all jobs. One event loop uses it; another process may write the same
    log, and whoever loses a race for a revision reads again.
    """

    def __init__(self, job_log: log.JobLog, bridge: Bridge) -> None:
        self._log = job_log
        self._bridge = bridge
        self._records: dict[str, _Record] = {}
        self._ended: deque[str] = deque()
        self._watchers = 0
        self._closing = False

    async def close(self) -> None:
        """Send every watcher away, to go on elsewhere: a stopping server does not wait for jobs."""
        self._closing = True
        for record in list(self._records.values()):
            async with record.changed:
                record.changed.notify_all()

    async def recover(self) -> list[pb.TrainingJob]:
        """Read the log; answer the jobs that have not ended, oldest first.

        A job whose log is damaged is named in our log and left alone.
        """
        names = await self._bridge.run(lambda: list(self._log.names()))
        found: list[_Record] = []
        for start in range(0, len(names), _READ_AT_ONCE):
            reads = (self._load(name) for name in names[start : start + _READ_AT_ONCE])
            found += [record for record in await asyncio.gather(*reads) if record]
        for record in sorted(found, key=lambda record: log.newest_first(record.job), reverse=True):
            self._enter(record)
        jobs = [record.job for record in self._records.values()]
        return [job for job in jobs if not state.is_terminal(job)]

    async def _load(self, name: JobName) -> _Record | None:
        try:
            job = await self._bridge.run(self._log.read_job, name)
            if state.is_terminal(job):
                return _Record(job, None)
            events = await self._bridge.run(self._log.read, name)
            return _Record(self._log.fold(name, events), events)
        except DataLoss as error:
            _LOG.error("a job is left alone: %s", error, extra={"job": str(name)})
        except NotFound:
            pass  # the log's folder is there, but no event yet
        return None

    async def create(
        self, name: JobName, asked: pb.TrainingSpec, stored: pb.TrainingSpec
    ) -> tuple[pb.TrainingJob, bool]:
        """Enter a new job with the spec `stored`; False when it was there already.

        Raises AlreadyExists when the job that is there was not made of `asked`.
        """
        event = pb.JobEvent(revision=1, time=_now(), queued=stored)
        if await self._bridge.run(self._log.create, name, event):
            job = state.fold(state.new_job(str(name)), event)
            return self._enter(_Record(job, [event])).job, True
        record = await self._record(name)
        log.check_same_request(name, asked, record.job.spec)
        return record.job, False

    async def get(self, name: JobName) -> pb.TrainingJob:
        """The job as it is now; NotFound."""
        return (await self._record(name)).job

    def known(self, name: JobName) -> pb.TrainingJob | None:
        """The job if it is in memory."""
        record = self._records.get(str(name))
        return record.job if record else None

    def jobs(self, project: str = "") -> list[pb.TrainingJob]:
        """The jobs of a project (or of all), newest first."""
        prefix = f"projects/{project}/" if project else ""
        found = [r.job for r in self._records.values() if r.job.name.startswith(prefix)]
        return sorted(found, key=log.newest_first)

    async def append(self, name: JobName, **kind: Any) -> pb.TrainingJob:
        """Write one event, given as its field, and answer the job after it.

        Raises IllegalStep when it may not come next, and what the store raises:
        the event may have been written all the same then, and the same call again finds out.
        """
        record = await self._record(name)
        async with record.writing:
            if record.unsure is not None and await self._was_written(name, record, kind):
                return record.job
            for _ in range(_MAX_LOST_RACES):
                event = pb.JobEvent(revision=record.job.revision + 1, time=_now(), **kind)
                after = state.fold(record.job, event)
                if await self._write(name, record, event):
                    await self._accept(record, after, event)
                    break
                await self._reload(name, record)
            else:
                raise Conflict(f"{name} is being written by others all the time; repeat")
        if state.is_terminal(record.job):
            await self._keep(name, record.job)
        return record.job

    async def watch(
        self, name: JobName, after_revision: int
    ) -> AsyncIterator[tuple[pb.JobEvent, pb.TrainingJob]]:
        """The events after a revision and the job after each, until the job's last event."""
        record = await self._record(name)
        if not 0 <= after_revision <= record.job.revision:
            raise InvalidArgument(
                f"after_revision must be 0 to {record.job.revision}, the newest of {name}."
                f" Received: {after_revision}",
                field="after_revision",
            )
        self._admit_watcher()
        try:
            async for step in self._follow(name, record, after_revision):
                yield step
        finally:
            self._watchers -= 1

    def _admit_watcher(self) -> None:
        if self._watchers >= MAX_WATCHERS:
            raise Unavailable(
                f"{MAX_WATCHERS} calls watch jobs already; retry",
                reason="OVERLOADED",
                metadata={"limit": str(MAX_WATCHERS), "unit": "watchers"},
                retry_after_s=1.0,
            )
        self._watchers += 1

    async def _follow(
        self, name: JobName, record: _Record, seen: int
    ) -> AsyncIterator[tuple[pb.JobEvent, pb.TrainingJob]]:
        events = await self._events(name, record)
        job = self._log.fold(name, events[:seen])
        while True:
            for event in events[job.revision :]:
                job = state.fold(job, event)
                yield event, job
            if state.is_terminal(job):
                return
            async with record.changed:
                while record.job.revision <= job.revision:
                    self._check_open(job)
                    await record.changed.wait()
            events = await self._events(name, record)

    def _check_open(self, job: pb.TrainingJob) -> None:
        if self._closing:
            raise Unavailable(
                f"this trainer is stopping; watch again after revision {job.revision}",
                reason="NOT_SERVING",
                retry_after_s=1.0,
            )

    async def _events(self, name: JobName, record: _Record) -> list[pb.JobEvent]:
        if record.events is not None:
            return list(record.events)
        return await self._bridge.run(self._log.read, name)

    async def _record(self, name: JobName) -> _Record:
        record = self._records.get(str(name))
        if record is None:
            record = await self._load(name)
            if record is None:
                raise log.not_found(name)
            if not state.is_terminal(record.job):
                record = self._enter(record)
        return record

    async def _write(self, name: JobName, record: _Record, event: pb.JobEvent) -> bool:
        record.unsure = event
        try:
            await self._bridge.run(self._log.append, name, event)
        except Conflict:
            record.unsure = None
            return False
        record.unsure = None
        return True

    async def _was_written(self, name: JobName, record: _Record, kind: dict[str, Any]) -> bool:
        """Whether the event that we were unsure of is in the log and is the one wanted now."""
        unsure = record.unsure
        await self._reload(name, record)
        record.unsure = None
        events = record.events or []
        if unsure is None or unsure not in events:
            return False
        wanted = pb.JobEvent(revision=unsure.revision, time=unsure.time, **kind)
        return wanted == unsure

    async def _reload(self, name: JobName, record: _Record) -> None:
        """Take over what others wrote; what is known already is not read again."""
        known = record.events or []
        more = await self._bridge.run(lambda: self._log.read(name, after=len(known)))
        events = [*known, *more]
        await self._accept(record, self._log.fold(name, events), *events)

    async def _accept(self, record: _Record, job: pb.TrainingJob, *events: pb.JobEvent) -> None:
        """Make what the log holds known: events from the start, or the next one."""
        before, record.job = record.job, job
        if len(events) == job.revision:
            record.events = list(events)
        elif record.events is not None:
            record.events.extend(events)
        metrics.JOBS.labels(state.state_name(before)).dec()
        metrics.JOBS.labels(state.state_name(job)).inc()
        if state.is_terminal(job) and not state.is_terminal(before):
            self._retire(record)
        async with record.changed:
            record.changed.notify_all()

    async def _keep(self, name: JobName, job: pb.TrainingJob) -> None:
        try:
            await self._bridge.run(self._log.keep_ended, name, job)
        except GraftError as error:  # only a short cut for the next start
            _LOG.warning("not kept: %s", error, extra={"job": str(name)})

    def _enter(self, record: _Record) -> _Record:
        """Take a job into memory, unless it came there meanwhile; answer the record that counts."""
        known = self._records.setdefault(record.job.name, record)
        if known is not record:
            return known
        metrics.JOBS.labels(state.state_name(record.job)).inc()
        if state.is_terminal(record.job):
            self._retire(record)
        return record

    def _retire(self, record: _Record) -> None:
        """Note that a job has ended; drop what is kept of those that ended long before."""
        self._ended.append(record.job.name)
        if len(self._ended) > MAX_KEPT_HISTORIES:
            self._records[self._ended[-MAX_KEPT_HISTORIES - 1]].events = None
        if len(self._ended) > MAX_KNOWN_JOBS:
            gone = self._records.pop(self._ended.popleft())
            metrics.JOBS.labels(state.state_name(gone.job)).dec()


def _now() -> timestamp_pb2.Timestamp:
    now = timestamp_pb2.Timestamp()
    now.GetCurrentTime()
    return now
