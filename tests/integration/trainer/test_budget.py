"""Time that is short: a budget that is spent, and a job that is told to keep its best."""

from __future__ import annotations

import os
import signal

import pytest

from graft.model.v1 import evaluation_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.trainer.phases import NAMES
from tests.support.embedder import FakeEmbedder
from tests.support.trainer import Connection, pictures, workers

RUNNING, SUCCEEDED = pb.JOB_STATE_RUNNING, pb.JOB_STATE_SUCCEEDED
SPENT_S = 0.001  # gone when the examples are embedded

pytestmark = pytest.mark.asyncio(loop_scope="module")


def untried(report: evaluation_pb2.Evaluation) -> set[str]:
    """The kinds of head of which at least one candidate was left out for want of time."""
    return {one.kind for one in report.candidates if one.reason.startswith("not tried")}


def tried(report: evaluation_pb2.Evaluation) -> set[tuple[str, str]]:
    """Kind and cut of what was compared."""
    return {
        (one.kind, one.parameters["cut"])
        for one in report.candidates
        if one.HasField("log_loss") and one.kind != "average"
    }


async def test_a_budget_that_is_spent_leaves_the_first_candidate_and_the_bare_report(
    trainer: Connection,
) -> None:
    await trainer.load("d", pictures(3, 12))
    job = await trainer.finish((await trainer.create("d", budget_s=SPENT_S)).name)
    assert job.state == SUCCEEDED
    report = await trainer.report()
    assert len(tried(report)) == 1
    assert untried(report) == {"ridge", "logistic", "class_mean"}
    assert report.HasField("accuracy")
    assert report.unknown_threshold != 0
    assert not report.HasField("learning_curve")
    assert len(report.baselines) == len(report.suspects) == 0


async def test_the_usual_budget_is_enough_for_few_examples(trainer: Connection) -> None:
    await trainer.load("d", pictures(3, 12))
    await trainer.finish((await trainer.create("d")).name)
    report = await trainer.report()
    assert untried(report) == set()
    assert {kind for kind, _ in tried(report)} == {"lda", "ridge", "logistic", "class_mean"}
    assert report.HasField("learning_curve")
    assert len(report.baselines) > 0


async def test_a_job_that_embeds_keeps_its_best_and_the_next_one_runs_in_full(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 0.3
    await trainer.load("d", pictures(3, 30))
    job = await trainer.create("d")
    await trainer.reach(job.name, "embed")
    assert (await trainer.cancel(job.name, keep_best=True)).state == RUNNING
    done = await trainer.finish(job.name)
    assert (done.state, done.attempts, done.result.embedded_count) == (SUCCEEDED, 1, 90)
    short = await trainer.report()
    assert len(tried(short)) == 1
    assert len(untried(short)) > 0
    await trainer.finish((await trainer.create("d")).name)
    assert untried(await trainer.report()) == set()


@pytest.mark.parametrize("phase", NAMES)
async def test_a_job_keeps_its_best_in_every_phase(trainer: Connection, phase: str) -> None:
    await trainer.load("d", pictures(3, 8))
    job = await trainer.create("d")
    await trainer.reach(job.name, phase)
    assert (await trainer.cancel(job.name, keep_best=True)).state in (RUNNING, SUCCEEDED)
    assert (await trainer.finish(job.name)).result.version == 1


async def test_a_job_that_kept_its_best_can_still_be_cancelled(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 30
    await trainer.load("d", pictures(2, 3))
    job = await trainer.create("d")
    await trainer.reach(job.name, "embed")
    await trainer.cancel(job.name, keep_best=True)
    await trainer.cancel(job.name)
    assert (await trainer.finish(job.name)).state == pb.JOB_STATE_CANCELLED


async def test_a_job_whose_worker_dies_after_it_was_to_keep_its_best_runs_in_full(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 1
    await trainer.load("d", pictures(3, 12))
    job = await trainer.create("d")
    await trainer.reach(job.name, "embed")
    await trainer.cancel(job.name, keep_best=True)
    (worker,) = workers(os.getpid())
    os.kill(worker, signal.SIGKILL)
    embedder.servicer.delay_s = 0
    done = await trainer.finish(job.name)
    assert (done.state, done.attempts) == (SUCCEEDED, 2)
    assert untried(await trainer.report()) == set()
