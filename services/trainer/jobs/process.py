"""The worker as the runner sees it: a process group of its own, warm, spoken to by lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import Message

from graft.errors import FailedPrecondition, Internal
from services.trainer.jobs import wire

START_TIMEOUT_S: Final = 60.0
"""For the imports of a worker, on a machine that is busy otherwise."""
MODULE: Final = "services.trainer.worker"


class WorkerDied(Exception):
    """The process ended, or said something that makes no sense."""


class WorkerProcess:
    """Owns one worker process; whoever starts it must `kill` it, also after it has died."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        if process.stdin is None or process.stdout is None:
            raise Internal("a worker needs pipes")
        self._stdin, self._stdout = process.stdin, process.stdout

    @classmethod
    async def start(cls, environ: Mapping[str, str]) -> WorkerProcess:
        """Start a process and wait until it has imported all that it needs.

        Raises FailedPrecondition when it cannot be started.
        """
        worker = cls(await _spawn(environ))
        try:
            kind, _ = await asyncio.wait_for(worker.receive(), START_TIMEOUT_S)
        except (WorkerDied, TimeoutError) as error:
            await worker.kill()
            raise FailedPrecondition(
                f"the training worker did not start; its own messages stand above: {error}"
            ) from error
        except asyncio.CancelledError:
            await worker.kill()
            raise
        if kind != "ready":
            await worker.kill()
            raise FailedPrecondition(f"a training worker must begin with ready. Received: {kind}")
        return worker

    @property
    def pid(self) -> int:
        """The process, which leads its own group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self._process.returncode is None

    def send(self, kind: str, body: Message | None = None) -> None:
        """Send one line; one that has died is noticed by `receive`, not here."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._stdin.write(wire.encode(kind, body))

    async def receive(self) -> tuple[str, Any]:
        """The next line; raises WorkerDied at the end."""
        try:
            line = await self._stdout.readline()
            if line.endswith(b"\n"):
                return wire.decode(line)
        except (ValueError, Internal) as error:
            raise WorkerDied(f"the worker said what makes no sense: {error}") from error
        code = await self._process.wait()
        raise WorkerDied(f"the worker ended with {_ending(code)}")

    async def kill(self) -> None:
        """End the whole process group at once and wait for it."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        self._stdin.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self._stdin.wait_closed()


async def _spawn(environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=dict(environ),
            limit=wire.MAX_LINE_BYTES,
            start_new_session=True,
        )
    except OSError as error:  # no memory, no process number left, no such file
        raise FailedPrecondition(
            f"the training worker cannot be started: {error.strerror}. Received: {sys.executable!r}"
        ) from error


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
