"""The process that runs training jobs, one after the other: `python -m services.trainer.worker`.

It takes jobs from standard input and tells what becomes of them on standard output, as
`services.trainer.jobs.wire` says. It writes embeddings and model versions, never the log of jobs.
When its standard input ends, the trainer is gone, and it ends at once, whatever it is doing: a job
can be taken up again from any point.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import queue
import signal
import sys
import threading
from typing import Any, BinaryIO, Final

from google.protobuf.message import Message

from graft.channel import open_blocking_channel
from graft.content import Problem
from graft.errors import Cancelled, GraftError, Internal
from graft.names import JobName
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import cpu, telemetry
from services.common.settings import from_process
from services.common.store import open_store
from services.trainer import pipeline
from services.trainer.embeddings import EmbedderClient
from services.trainer.jobs import wire
from services.trainer.running import Tools

_LOG = logging.getLogger(__name__)

_PR_SET_PDEATHSIG: Final = 1
MAX_MESSAGE_CHARACTERS: Final = 10_000


class Worker:
    """Owns the conversation with the runner: a thread listens, the main thread works."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._jobs: queue.SimpleQueue[pb.TrainingJob] = queue.SimpleQueue()
        self._may_publish = threading.Event()
        self.stopped = threading.Event()
        self.enough = threading.Event()

    def listen(self) -> None:
        """Hear what the runner says until it is gone; then the process ends."""
        with contextlib.suppress(OSError, Internal):
            while line := self._source.readline():
                self._hear(*wire.decode(line))
        os._exit(0)

    def _hear(self, kind: str, body: Any) -> None:
        if kind == "run":
            self.stopped.clear()  # a stop that came too late for the job before
            self.enough.clear()
            self._may_publish.clear()
            self._jobs.put(body)
        elif kind == "finish":
            self.enough.set()
        elif kind == "stop":
            self.stopped.set()
            self._may_publish.set()  # ends the wait; `commit` looks at `stopped` first
        elif kind == "commit":
            self._may_publish.set()

    def next_job(self) -> pb.TrainingJob:
        """Wait for a job."""
        return self._jobs.get()

    def say(self, kind: str, body: Message | None = None) -> None:
        """Tell the runner."""
        self._sink.write(wire.encode(kind, body))
        self._sink.flush()

    def report(self, progress: pb.Progress) -> None:
        """Tell how far the job is; raises Cancelled when it must stop."""
        self._check()
        self.say("progress", progress)

    def commit(self) -> None:
        """Ask whether the job may publish, and wait; raises Cancelled when it must stop."""
        self._check()
        self.say("publishing")
        self._may_publish.wait()
        self._check()

    def _check(self) -> None:
        if self.stopped.is_set():
            raise Cancelled("the job was stopped")

    def work(self, tools: Tools, job: pb.TrainingJob) -> None:
        """Run one job and tell its end, whatever it is.

        What it logs, and what it asks of the embedder, goes under its id as the request id.
        """
        telemetry.begin_request(JobName.parse(job.name).job)
        try:
            self.say("result", pipeline.train(tools, job))
        except Exception as error:  # a supervised loop: every failure is told to the runner
            if self.stopped.is_set() and isinstance(error, Cancelled):
                self.say("stopped")
                return
            self.say("problem", _problem(error, job).to_proto())
            return
        with contextlib.suppress(GraftError):  # the next job tries again
            pipeline.tidy(tools, job)


def _problem(error: Exception, job: pb.TrainingJob) -> Problem:
    if isinstance(error, GraftError):
        return Problem(error.reason, error.message[:MAX_MESSAGE_CHARACTERS])
    _LOG.error("a bug in a training job", exc_info=error, extra={"job": job.name})
    text = f"an internal error, {type(error).__name__}; the trainer's log tells more"
    return Problem("INTERNAL", text)


def die_with_parent() -> None:
    """Have Linux kill this process when the trainer dies; elsewhere the end of input does it."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def _private_stdout() -> BinaryIO:
    """The pipe to the runner; what a library prints goes to standard error from here on."""
    pipe = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(pipe, "wb")


def main() -> None:
    """Work until the trainer is gone."""
    die_with_parent()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # a GPU is the embedder's
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the trainer's affair
    worker = Worker(os.fdopen(0, "rb", closefd=False), _private_stdout())
    settings = from_process("trainer")
    telemetry.configure("trainer", settings.log_level)
    store = open_store(settings.store_url, os.environ)
    channel = open_blocking_channel(settings.embedder, retries=False)  # the client repeats calls
    client = EmbedderClient(channel, settings.embedder, worker.stopped)
    tools = Tools(
        store,
        client,
        worker.report,
        worker.commit,
        settings.cache,
        settings.cpu_threads or cpu.available_threads(),
        worker.enough.is_set,
    )
    threading.Thread(target=worker.listen, name="listen", daemon=True).start()
    worker.say("ready")
    while True:
        worker.work(tools, worker.next_job())


if __name__ == "__main__":
    main()
