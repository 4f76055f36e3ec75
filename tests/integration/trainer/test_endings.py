"""Jobs that do not end by themselves: cancelled, robbed of their data set, of their worker."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import grpc
import pytest

from graft.common.v1 import error_reason_pb2
from graft.errors import GraftError
from graft.names import ModelName
from graft.status import from_rpc_error
from graft.trainer.v1 import dataset_service_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import artifacts, layout
from services.common.store import open_store
from services.trainer.jobs.state import MAX_ATTEMPTS
from services.trainer.phases import NAMES
from tests.support.embedder import FakeEmbedder
from tests.support.trainer import Connection, pictures, workers

SUCCEEDED, FAILED = pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED
CANCELLED = pb.JOB_STATE_CANCELLED
WITHIN_S = 2.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ask(trainer: Connection, name: str) -> str:
    """Ask to cancel; the state of the answer, or why it was refused: it may just have ended."""
    try:
        job = await trainer.cancel(name)
    except grpc.RpcError as error:
        return translated(error).reason
    return pb.JobState.Name(job.state).removeprefix("JOB_STATE_")


def worker() -> int:
    (found,) = workers(os.getpid())
    return found


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that does nothing any more, not even listen."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def check_nothing_is_half_there(trainer: Connection, done: pb.TrainingJob) -> None:
    """A version is there, live and whole, exactly when the job says so."""
    model = ModelName.parse(trainer.model())
    with open_store(trainer.store_url, {}) as store:
        if done.state == SUCCEEDED:
            manifest = artifacts.read_manifest(store, model.version(done.result.version))
            artifacts.read_head(store, manifest)
            assert artifacts.aliases(store, model) == {"live": done.result.version}
        else:
            assert list(store.list(layout.models_prefix(model.project))) == []


@pytest.mark.parametrize("phase", NAMES)
async def test_a_job_is_cancelled_within_two_seconds_in_every_phase(
    trainer: Connection, phase: str
) -> None:
    await trainer.load("d", pictures(3, 8))
    job = await trainer.create("d")
    await trainer.reach(job.name, phase)
    started = time.monotonic()
    assert await ask(trainer, job.name) in ("CANCELLING", "CANCELLED", "JOB_STATE")
    done = await trainer.finish(job.name)
    assert time.monotonic() - started < WITHIN_S
    assert done.state in (CANCELLED, SUCCEEDED)
    assert done.state == CANCELLED or phase in NAMES[2:]
    check_nothing_is_half_there(trainer, done)


@pytest.mark.parametrize("phase", ["embed", "search", "publish"])
async def test_a_worker_that_hangs_is_cancelled_within_two_seconds_all_the_same(
    trainer: Connection, phase: str
) -> None:
    await trainer.load("d", pictures(3, 8))
    pid = worker()
    job = await trainer.create("d")
    await trainer.reach(job.name, phase)
    with frozen(pid):
        started = time.monotonic()
        assert await ask(trainer, job.name) in ("CANCELLING", "JOB_STATE")
        done = await trainer.finish(job.name)
        assert time.monotonic() - started < WITHIN_S
    assert done.state in (CANCELLED, SUCCEEDED)
    check_nothing_is_half_there(trainer, done)
    again = await trainer.finish((await trainer.create("d")).name)
    assert again.state == SUCCEEDED


async def test_a_cancelled_embedding_leaves_the_worker_warm(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 0.15
    await trainer.load("d", pictures(4, 60))
    before = worker()
    job = await trainer.create("d")
    await asyncio.to_thread(embedder.wait_for, 32)
    await trainer.cancel(job.name)
    assert (await trainer.finish(job.name)).state == CANCELLED
    assert worker() == before


async def test_a_waiting_job_is_cancelled_at_once(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 20
    await trainer.load("d", pictures(2, 3))
    first, second = await trainer.create("d"), await trainer.create("d")
    await trainer.reach(first.name, "embed")
    assert (await trainer.cancel(second.name)).state == CANCELLED
    assert (await trainer.cancel(second.name)).state == CANCELLED
    await trainer.cancel(first.name)
    assert (await trainer.finish(first.name)).state == CANCELLED


async def test_a_job_that_has_ended_cannot_be_cancelled(trainer: Connection) -> None:
    await trainer.load("d", pictures(2, 3))
    job = await trainer.create("d")
    await trainer.finish(job.name)
    with pytest.raises(grpc.RpcError) as caught:
        await trainer.cancel(job.name)
    error = translated(caught.value)
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "JOB_STATE")
    assert error.metadata["state"] == "SUCCEEDED"


async def test_a_killed_worker_is_replaced_and_its_job_goes_on(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 0.1
    await trainer.load("d", pictures(4, 50))
    job = await trainer.create("d")
    await asyncio.to_thread(embedder.wait_for, 128)
    os.kill(worker(), signal.SIGKILL)
    done = await trainer.finish(job.name)
    assert (done.state, done.attempts) == (SUCCEEDED, 2)
    assert done.result.embedded_count + done.result.cached_count == 200
    assert done.result.cached_count >= 64
    # What was stored is not embedded again: at most a chunk and what was in flight is.
    assert len(embedder.servicer.embedded) <= 200 + 64 + 3 * 32


@pytest.mark.parametrize("phase", NAMES[2:])
async def test_a_worker_killed_in_a_later_phase_loses_no_embedding(
    trainer: Connection, embedder: FakeEmbedder, phase: str
) -> None:
    await trainer.load("d", pictures(3, 8))
    pid = worker()
    job = await trainer.create("d")
    await trainer.reach(job.name, phase)
    os.kill(pid, signal.SIGKILL)
    done = await trainer.finish(job.name)
    assert done.state == SUCCEEDED
    assert done.result.version == 1
    assert len(embedder.servicer.embedded) == 2 * 24  # as they are and flipped
    check_nothing_is_half_there(trainer, done)


async def test_a_job_that_kills_every_worker_fails_and_says_so(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 30
    await trainer.load("d", pictures(2, 3))
    job = await trainer.create("d")
    attempts = 0
    async for answer in trainer.watch(job.name):
        last = answer.job
        if last.progress.phase == "embed" and last.attempts > attempts:
            attempts = last.attempts
            os.kill(worker(), signal.SIGKILL)
    assert (last.state, last.attempts) == (FAILED, MAX_ATTEMPTS)
    assert "signal SIGKILL" in last.error.message
    embedder.servicer.delay_s = 0
    assert (await trainer.finish((await trainer.create("d")).name)).state == SUCCEEDED


async def test_deleting_the_data_set_fails_the_jobs_that_need_it(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 0.5
    await trainer.load("d", pictures(3, 50))
    await trainer.load("other", pictures(2, 3))
    runs, waits = await trainer.create("d"), await trainer.create("d")
    unharmed = await trainer.create("other", "unharmed")
    await trainer.reach(runs.name, "embed")
    name = trainer.dataset()
    started = time.monotonic()
    await trainer.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(name=name))
    for job in (runs, waits):
        done = await trainer.finish(job.name)
        assert done.state == FAILED
        assert done.error.reason == error_reason_pb2.ERROR_REASON_NOT_FOUND
        assert name in done.error.message
    check_nothing_is_half_there(trainer, done)
    assert time.monotonic() - started < WITHIN_S
    assert (await trainer.finish(unharmed.name)).state == SUCCEEDED


def translated(error: grpc.RpcError) -> GraftError:
    return from_rpc_error(error, target="trainer")
