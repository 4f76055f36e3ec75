"""One service as a child process: started, watched, started again, stopped.

STARTING     its process lives and has not said SERVING yet
SERVING      it says so
NOT_SERVING  it said SERVING, lives, and does not say it now
WAITING      it crashed and is started again after a delay
FAILED       it crashed too often and is left alone
STOPPED      it was told to stop and is gone
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from graft import health
from graft.errors import FailedPrecondition
from graft.local.logs import open_log
from graft.local.restarts import MAX_CRASHES, REFUSED_STATUS, Crash, judge
from graft.runfile import ServiceRun

STARTING: Final = "STARTING"
SERVING: Final = "SERVING"
NOT_SERVING: Final = "NOT_SERVING"
WAITING: Final = "WAITING"
FAILED: Final = "FAILED"
STOPPED: Final = "STOPPED"

POLL_STARTING_S: Final = 0.1
POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run, with which environment, and where it listens."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    address: str
    metrics: str
    log: Path


class Child:
    """Owns one service's process, in `run`; tells `on_change` whenever `seen` has changed."""

    def __init__(self, spec: ChildSpec, on_change: Callable[[Child], None]) -> None:
        self.spec = spec
        self.seen = ServiceRun(spec.address, spec.metrics, str(spec.log), STARTING)
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._crashes: list[Crash] = []
        self._stopping = asyncio.Event()
        self._gone = asyncio.Event()
        self._grace_s = 0.0

    async def run(self) -> None:
        """Keep the service running until `stop`, or until it is given up."""
        try:
            while not self._stopping.is_set():
                served = await self._live_once()
                if not self._stopping.is_set():
                    delay_s = self._after_crash(served)
                    if delay_s is None:
                        return
                    await self._pause(delay_s)
            self._become(STOPPED, pid=0)
        finally:
            self._gone.set()

    async def stop(self, grace_s: float) -> None:
        """Make `run` end: SIGTERM now, SIGKILL after the grace, for all that the service started.

        Returns when nothing of it is left; `run` must have been started.
        """
        self._grace_s = grace_s
        self._stopping.set()
        await self._gone.wait()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _live_once(self) -> bool:
        """Start the process and see it to its end; answer whether it ever served."""
        process = self._process = await self._spawn()
        self._become(STARTING, pid=process.pid)
        ending = asyncio.create_task(process.wait())
        watching = asyncio.create_task(self._watch_health())
        telling = asyncio.create_task(self._terminate_when_told(process))
        try:
            await asyncio.wait({ending, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                watching.result()  # only a bug ends it first
        finally:
            for task in (ending, watching, telling):
                task.cancel()
            await asyncio.gather(ending, watching, telling, return_exceptions=True)
            self._signal_group(process, signal.SIGKILL)
            await process.wait()
        return self.seen.state in (SERVING, NOT_SERVING)

    async def _terminate_when_told(self, process: asyncio.subprocess.Process) -> None:
        await self._stopping.wait()
        self._signal(process, signal.SIGTERM)
        await asyncio.sleep(self._grace_s)
        self._signal_group(process, signal.SIGKILL)

    async def _spawn(self) -> asyncio.subprocess.Process:
        with open_log(self.spec.log) as log:
            try:
                return await asyncio.create_subprocess_exec(
                    *self.spec.command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=dict(self.spec.environ),
                    start_new_session=True,
                )
            except OSError as error:
                raise FailedPrecondition(
                    f"the {self.spec.name} cannot be started: {error.strerror}."
                    f" Received: {self.spec.command[0]!r}"
                ) from error

    async def _watch_health(self) -> None:
        probe = health.HealthProbe(self.spec.address)
        try:
            while True:
                serving = await probe.ask() == health.SERVING
                if serving:
                    self._become(SERVING)
                elif self.seen.state == SERVING:
                    self._become(NOT_SERVING)
                starting = self.seen.state == STARTING
                await asyncio.sleep(POLL_STARTING_S if starting else POLL_S)
        finally:
            await probe.close()

    def _after_crash(self, served: bool) -> float | None:
        """Record the crash and say what follows; answer the delay, None when it is given up."""
        assert self._process is not None
        code = self._process.returncode
        crash = Crash(time.monotonic(), served, refused=code == REFUSED_STATUS)
        self._crashes = [*self._crashes, crash][-MAX_CRASHES:]
        verdict = judge(self._crashes)
        what = f"{describe_end(code)} (log: {self.spec.log})"
        if crash.refused:
            note = f"it refuses its settings (log: {self.spec.log}); `graft down`, `graft up`"
            self._become(FAILED, pid=0, note=note)
        elif verdict.delay_s is None:
            note = f"{what}; given up after {verdict.crashes} crashes: `graft down`, `graft up`"
            self._become(FAILED, pid=0, note=note)
        else:
            note = f"{what}; crash {verdict.crashes}, started again in {verdict.delay_s:g} s"
            self._become(WAITING, pid=0, restarts=self.seen.restarts + 1, note=note)
        return verdict.delay_s

    def _become(
        self,
        state: str,
        *,
        pid: int | None = None,
        restarts: int | None = None,
        note: str | None = None,
    ) -> None:
        before = self.seen
        self.seen = replace(
            before,
            state=state,
            pid=before.pid if pid is None else pid,
            restarts=before.restarts if restarts is None else restarts,
            note=before.note if note is None else note,
        )
        if self.seen != before:
            self._on_change(self)

    @staticmethod
    def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    @staticmethod
    def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
        """Reach what the service left behind; its group bears its number and is its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def describe_end(code: int | None) -> str:
    """Say how a process ended: an exit code, or the signal that killed it."""
    if code is None:
        return "ended"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
