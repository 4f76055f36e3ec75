"""Keeps one worker process warm."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

from graft.errors import FailedPrecondition
from services.trainer.jobs.process import WorkerProcess

MAX_JOBS_PER_WORKER: Final = 50
"""A worker is replaced after so many, so that what a library leaks stays bounded."""


class Crew:
    """Owns the worker: started before it is needed, used for one job after the other, replaced as
    soon as it is lost or worn out.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._starting: asyncio.Task[WorkerProcess] | None = None
        self._jobs = 0

    def prepare(self) -> None:
        """See to it that a worker is there or on its way."""
        if self._starting is None:
            self._jobs = 0
            self._starting = asyncio.create_task(WorkerProcess.start(self._environ))

    async def worker(self) -> WorkerProcess:
        """The warm worker, for one more job; raises FailedPrecondition when none can be started."""
        if self._starting is not None and self._starting.done() and not _usable(self._starting):
            await self.dismiss()
        self.prepare()
        assert self._starting is not None
        try:
            worker = await asyncio.shield(self._starting)
        except FailedPrecondition:
            self._starting = None
            raise
        self._jobs += 1
        return worker

    async def release(self) -> None:
        """A job is over: keep the worker if it is fit for another one, else start the next."""
        if self._starting is None or not self._starting.done():
            return
        if self._jobs >= MAX_JOBS_PER_WORKER or not _usable(self._starting):
            await self.dismiss()
        self.prepare()

    async def dismiss(self) -> None:
        """End the worker, whatever it is doing."""
        starting, self._starting = self._starting, None
        if starting is None:
            return
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, FailedPrecondition):
            await (await starting).kill()


def _usable(starting: asyncio.Task[WorkerProcess]) -> bool:
    return not starting.cancelled() and starting.exception() is None and starting.result().alive
