"""The backbone that a job takes of several: one is blind, one was tuned for another model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from graft.model.v1 import evaluation_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from tests.support.embedder import BLIND, NAME, FakeEmbedder, make_backbone
from tests.support.trainer import Connection, pictures, running

SUCCEEDED = pb.JOB_STATE_SUCCEEDED

pytestmark = pytest.mark.asyncio(loop_scope="module")


def choice(report: evaluation_pb2.Evaluation) -> evaluation_pb2.Decision:
    (found,) = (one for one in report.decisions if one.subject == "backbone")
    return found


@pytest.fixture(scope="module")
def several() -> Iterator[FakeEmbedder]:
    tuned = make_backbone("a-tuned")
    tuned.trunk = f"backbones/{NAME}"
    more = [make_backbone(BLIND), make_backbone("other", dim=64), tuned]
    with FakeEmbedder(more=more) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chooser(
    several: FakeEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Connection]:
    async with running(tmp_path_factory.mktemp("several"), several.address) as connection:
        yield connection


async def test_all_are_asked_and_the_reason_tells_of_each(chooser: Connection) -> None:
    await chooser.load("d", pictures(3, 12))
    assert (await chooser.finish((await chooser.create("d")).name)).state == SUCCEEDED
    found = choice(await chooser.report())
    assert found.choice in (NAME, "other")
    assert "right on" in found.reason
    assert f"{BLIND}: " in found.reason
    assert "a-tuned" not in found.reason
    assert "no time" not in found.reason


async def test_the_first_is_taken_when_time_runs_out_and_the_others_are_named(
    chooser: Connection,
) -> None:
    await chooser.load("e", pictures(3, 12, first=50))
    job = await chooser.create("e", "short", budget_s=0.001)
    assert (await chooser.finish(job.name)).state == SUCCEEDED
    found = choice(await chooser.report("short"))
    assert found.choice == NAME
    assert found.reason.endswith(f"no time was left to try {BLIND}, other")


async def test_whoever_wants_the_best_now_gets_it_from_the_backbones_asked_so_far(
    chooser: Connection, several: FakeEmbedder
) -> None:
    several.servicer.delay_s = 0.5
    await chooser.load("f", pictures(3, 12, first=90))
    job = await chooser.create("f", "now")
    await asyncio.to_thread(several.wait_for, len(several.servicer.embedded) + 1)
    await chooser.cancel(job.name, keep_best=True)
    assert (await chooser.finish(job.name)).state == SUCCEEDED
    assert "no time was left to try" in choice(await chooser.report("now")).reason
