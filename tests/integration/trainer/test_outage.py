"""A store that is away for a while in the middle of a job."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from graft.trainer.v1 import training_job_pb2 as pb
from tests.fixtures.s3 import StoreLocation
from tests.support.embedder import FakeEmbedder
from tests.support.forwarder import forwarding
from tests.support.trainer import pictures, running

pytestmark = pytest.mark.minio
AWAY_S = 7.0


async def test_a_job_survives_a_store_that_is_away_for_a_while(
    tmp_path: Path, s3_location: StoreLocation, embedder: FakeEmbedder
) -> None:
    target = s3_location.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    async with forwarding(target) as way:
        environ = {
            **s3_location.environ,
            "GRAFT_STORE": s3_location.url,
            "AWS_ENDPOINT_URL": f"http://{way.address}",
        }
        async with running(tmp_path, embedder.address, **environ) as trainer:
            await trainer.load("d", pictures(4, 40))
            embedder.servicer.delay_s = 0.5
            job = await trainer.create("d")
            await trainer.reach(job.name, "embed")
            await way.cut()
            await asyncio.sleep(AWAY_S)
            await way.open()
            done = await trainer.finish(job.name)
    assert done.state == pb.JOB_STATE_SUCCEEDED, done.error
    assert done.result.cached_count + done.result.embedded_count == 160
