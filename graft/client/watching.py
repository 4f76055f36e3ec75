"""Following a job through broken connections: a watch goes on after the last revision it saw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from graft.client.connection import Connection
from graft.errors import Cancelled, DeadlineExceeded, GraftError, Unavailable
from graft.trainer.v1 import trainer_service_pb2, training_job_pb2

RECONNECT_S: Final = 120.0
"""How long a trainer may stay away before a watch gives up: `graft up` restarts it meanwhile."""

RECONNECT_DELAY_S: Final = 0.5

_BROKEN: Final = (Unavailable, DeadlineExceeded, Cancelled)
_ENDED: Final = frozenset(
    {
        training_job_pb2.JOB_STATE_SUCCEEDED,
        training_job_pb2.JOB_STATE_FAILED,
        training_job_pb2.JOB_STATE_CANCELLED,
    }
)


async def watch_responses(
    connection: Connection, name: str, after_revision: int
) -> AsyncGenerator[Any, None]:
    """Yield WatchTrainingJobResponses in ascending revision up to the job's last one."""
    revision, away_since = after_revision, None
    while True:
        try:
            async with aclosing(_once(connection, name, revision)) as responses:
                async for response in responses:
                    revision, away_since = response.event.revision, None
                    yield response
                    if response.job.state in _ENDED:
                        return
            if await _has_ended(connection, name, revision):
                return
        except _BROKEN as error:
            away_since = _still_patient(away_since, error)
        await asyncio.sleep(RECONNECT_DELAY_S)


def _once(connection: Connection, name: str, revision: int) -> Any:
    request = trainer_service_pb2.WatchTrainingJobRequest(name=name, after_revision=revision)
    return connection.stream("jobs", "WatchTrainingJob", request)


async def _has_ended(connection: Connection, name: str, revision: int) -> bool:
    """A stream that ended early is a fault, unless there is nothing left to tell."""
    request = trainer_service_pb2.GetTrainingJobRequest(name=name)
    job = (await connection.call("jobs", "GetTrainingJob", request)).job
    return job.state in _ENDED and job.revision <= revision


def _still_patient(away_since: float | None, error: GraftError) -> float:
    now = time.monotonic()
    if away_since is not None and now - away_since > RECONNECT_S:
        raise error
    return now if away_since is None else away_since
