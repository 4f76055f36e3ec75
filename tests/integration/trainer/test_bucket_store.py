"""The trainer over an S3 server: the same jobs, the same guarantees."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from graft.trainer.v1 import training_job_pb2 as pb
from tests.fixtures.s3 import StoreLocation
from tests.support.embedder import FakeEmbedder
from tests.support.trainer import pictures, running, workers

pytestmark = pytest.mark.minio


async def test_jobs_run_over_a_bucket(
    tmp_path: Path, s3_location: StoreLocation, embedder: FakeEmbedder
) -> None:
    environ = {**s3_location.environ, "GRAFT_STORE": s3_location.url}
    async with running(tmp_path, embedder.address, **environ) as trainer:
        await trainer.load("d", pictures(3, 8))
        done = await trainer.finish((await trainer.create("d")).name)
        assert (done.state, done.result.embedded_count) == (pb.JOB_STATE_SUCCEEDED, 24)
        job = await trainer.create("d")
        await trainer.reach(job.name, "search")
        os.kill(workers(os.getpid())[0], signal.SIGKILL)
        again = await trainer.finish(job.name)
        assert (again.state, again.attempts) == (pb.JOB_STATE_SUCCEEDED, 2)
        assert (again.result.version, again.result.cached_count) == (2, 24)
        embedder.servicer.delay_s = 5
        await trainer.load("e", pictures(4, 4))
        job = await trainer.create("e")
        await trainer.reach(job.name, "embed")
        await trainer.cancel(job.name)
        assert (await trainer.finish(job.name)).state == pb.JOB_STATE_CANCELLED
    async with running(tmp_path, embedder.address, **environ) as trainer:
        assert await trainer.get(job.name) == await trainer.finish(job.name)
        assert (await trainer.get(again.name)) == again
