"""Jobs through the real worker process, over a folder and an embedder that answers at once."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import grpc
import pytest

from graft.common.v1 import error_reason_pb2
from graft.errors import GraftError
from graft.names import ModelName
from graft.status import from_rpc_error
from graft.trainer.v1 import dataset_service_pb2, model_service_pb2, trainer_service_pb2
from graft.trainer.v1 import training_job_pb2 as pb
from services.common import layout
from services.common.store import open_store
from services.trainer.phases import NAMES
from tests.support.embedder import FakeEmbedder
from tests.support.trainer import Connection, phases_of, pictures, running

SUCCEEDED, FAILED = pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED

pytestmark = pytest.mark.asyncio(loop_scope="module")


def translated(error: grpc.RpcError) -> GraftError:
    return from_rpc_error(error, target="trainer")


async def test_a_job_ends_with_a_model_that_is_live(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    await trainer.load("d", pictures(3, 8))
    job = await trainer.create("d")
    assert job.state == pb.JOB_STATE_QUEUED
    answers = [answer async for answer in trainer.watch(job.name)]
    done = answers[-1].job
    assert done.state == SUCCEEDED
    assert [answer.event.revision for answer in answers] == list(range(1, len(answers) + 1))
    assert phases_of([answer.event for answer in answers]) == list(NAMES)
    assert [timing.stage for timing in done.result.phases] == list(NAMES)
    assert (done.result.embedded_count, done.result.cached_count) == (24, 0)
    assert done.result.accuracy.low <= done.result.accuracy.estimate <= done.result.accuracy.high
    assert done.result.accuracy.estimate > 0.9
    model = (
        await trainer.models.GetModel(model_service_pb2.GetModelRequest(name=trainer.model()))
    ).model
    assert (list(model.versions), dict(model.aliases)) == ([1], {"live": 1})
    version = (
        await trainer.models.GetModelVersion(
            model_service_pb2.GetModelVersionRequest(name=trainer.model())
        )
    ).version
    assert list(version.labels) == ["c00000", "c00001", "c00002"]
    assert version.features.backbone_digest == embedder.backbone.digest
    assert (version.training_job, version.dataset_version) == (job.name, 1)
    report = await trainer.models.GetEvaluation(
        model_service_pb2.GetEvaluationRequest(name=trainer.model(), include_html=True)
    )
    assert report.evaluation.model_version == version.name
    assert report.evaluation.data.example_count == 24
    assert report.html.startswith(b"<!DOCTYPE html>")


async def test_what_a_job_asks_of_the_embedder_bears_its_id(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    await trainer.load("d", pictures(2, 40))  # more than one batch, so more than one thread
    job = await trainer.finish((await trainer.create("d")).name)
    assert embedder.servicer.called_for == {job.name.rpartition("/")[2]}


async def test_a_retrain_embeds_only_what_is_new(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    await trainer.load("d", pictures(3, 8))
    await trainer.finish((await trainer.create("d")).name)
    append = dataset_service_pb2.IMPORT_MODE_APPEND
    dataset = await trainer.load("d", pictures(3, 2, first=8), append)
    assert dataset.version == 2
    done = await trainer.finish((await trainer.create("d")).name)
    assert (done.result.embedded_count, done.result.cached_count) == (6, 24)
    assert done.result.version == 2
    seen = embedder.servicer.embedded
    assert len(seen) == len(set(seen)) == 2 * 30  # as they are and flipped


async def test_the_same_data_give_the_same_bytes_whatever_the_order_of_import(
    trainer: Connection,
) -> None:
    examples = list(pictures(4, 7))
    await trainer.load("d", examples)
    await trainer.load("e", reversed(examples))
    jobs = [await trainer.create(dataset, model) for dataset, model in ("dx", "dy", "ez")]
    for job in jobs:
        assert (await trainer.finish(job.name)).state == SUCCEEDED
    with open_store(trainer.store_url, {}) as store:
        names = [ModelName.parse(trainer.model(name)).version(1) for name in "xyz"]
        arrays = [store.get(layout.arrays(name)) for name in names]
    assert arrays[0] == arrays[1] == arrays[2]


async def test_one_image_a_class_makes_a_model_and_claims_no_accuracy(trainer: Connection) -> None:
    await trainer.load("d", pictures(5, 1))
    done = await trainer.finish((await trainer.create("d")).name)
    assert done.state == SUCCEEDED
    assert not done.result.HasField("accuracy")


@pytest.mark.parametrize(
    ("classes", "each", "words"),
    [(1, 12, "12 usable examples of only the class 'c00000'"), (0, 0, "0 usable examples of no")],
)
async def test_what_cannot_be_trained_on_is_named(
    trainer: Connection, embedder: FakeEmbedder, classes: int, each: int, words: str
) -> None:
    await trainer.load("d", pictures(classes, each))
    done = await trainer.finish((await trainer.create("d")).name)
    assert done.state == FAILED
    assert done.error.reason == error_reason_pb2.ERROR_REASON_DATASET_UNTRAINABLE
    assert words in done.error.message
    assert trainer.dataset() in done.error.message
    assert embedder.servicer.embedded == []


async def test_a_file_that_the_embedder_refuses_is_named(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    await trainer.load("d", pictures(3, 8))
    refused = next(e for e in pictures(3, 8) if e.path == "c1/3.png").content.image
    embedder.servicer.refused.add(refused)
    done = await trainer.finish((await trainer.create("d")).name)
    assert done.state == FAILED
    assert "'c1/3.png'" in done.error.message
    assert done.error.reason == error_reason_pb2.ERROR_REASON_IMAGE_UNDECODABLE


async def test_an_unknown_backbone_fails_the_job_by_name(trainer: Connection) -> None:
    await trainer.load("d", pictures(2, 3))
    spec = pb.TrainingSpec(
        dataset=trainer.dataset(), model=trainer.model(), backbone="backbones/nope"
    )
    request = trainer_service_pb2.CreateTrainingJobRequest(parent=trainer.project, spec=spec)
    job = (await trainer.jobs.CreateTrainingJob(request)).job
    done = await trainer.finish(job.name)
    assert done.state == FAILED
    assert "backbones/nope" in done.error.message


async def test_creating_twice_with_one_request_id_makes_one_job(trainer: Connection) -> None:
    await trainer.load("d", pictures(2, 3))
    first = await trainer.create("d", request_id="mine")
    await trainer.load("d", pictures(2, 4))  # "the newest version" was settled by the first
    again = await trainer.create("d", request_id="mine")
    assert first.name == again.name == trainer.job("mine")
    assert again.spec.dataset_version == 1
    with pytest.raises(grpc.RpcError) as caught:
        await trainer.create("d", request_id="mine", seed=5)
    assert translated(caught.value).code == "ALREADY_EXISTS"
    await trainer.finish(first.name)
    jobs = await trainer.jobs.ListTrainingJobs(
        trainer_service_pb2.ListTrainingJobsRequest(parent=trainer.project)
    )
    assert len(jobs.jobs) == 1


async def test_jobs_are_listed_newest_first_page_by_page(trainer: Connection) -> None:
    await trainer.load("d", pictures(2, 3))
    names = [(await trainer.create("d", request_id=f"job-{n}")).name for n in range(5)]
    for name in names:
        await trainer.finish(name)
    found, token = [], ""
    for _ in itertools.count():
        request = trainer_service_pb2.ListTrainingJobsRequest(
            parent=trainer.project, page_size=2, page_token=token
        )
        answer = await trainer.jobs.ListTrainingJobs(request)
        found += [job.name for job in answer.jobs]
        token = answer.next_page_token
        if not token:
            break
    assert found == names[::-1]


async def test_a_watch_goes_on_where_it_broke_off(trainer: Connection) -> None:
    await trainer.load("d", pictures(2, 5))
    job = await trainer.create("d")
    every = [answer async for answer in trainer.watch(job.name)]
    for after in (0, 1, 3, len(every) - 1, len(every)):
        rest = [answer async for answer in trainer.watch(job.name, after)]
        assert rest == every[after:]


async def test_many_watchers_see_the_same(trainer: Connection) -> None:
    await trainer.load("d", pictures(2, 5))
    job = await trainer.create("d")

    async def see() -> list[int]:
        return [answer.event.revision async for answer in trainer.watch(job.name)]

    seen = await asyncio.gather(*(see() for _ in range(50)))
    assert all(revisions == seen[0] for revisions in seen)


async def test_a_watcher_that_does_not_read_holds_nobody_up(trainer: Connection) -> None:
    await trainer.load("d", pictures(3, 8))
    job = await trainer.create("d")
    request = trainer_service_pb2.WatchTrainingJobRequest(name=job.name)
    lazy = trainer.jobs.WatchTrainingJob(request)
    assert (await trainer.finish(job.name, timeout_s=15)).state == SUCCEEDED
    lazy.cancel()


@pytest.mark.parametrize("after", [-1, 1000])
async def test_a_revision_that_cannot_have_been_seen_is_refused(
    trainer: Connection, after: int
) -> None:
    await trainer.load("d", pictures(2, 3))
    job = await trainer.create("d")
    with pytest.raises(grpc.RpcError) as caught:
        _ = [answer async for answer in trainer.watch(job.name, after)]
    error = translated(caught.value)
    assert (error.code, error.field) == ("INVALID_ARGUMENT", "after_revision")
    await trainer.finish(job.name)


async def test_only_so_many_jobs_may_wait(tmp_path: Path, embedder: FakeEmbedder) -> None:
    embedder.servicer.delay_s = 30.0
    async with running(tmp_path, embedder.address, GRAFT_MAX_QUEUED_JOBS="2") as trainer:
        await trainer.load("d", pictures(2, 3))
        first = await trainer.create("d")
        await trainer.reach(first.name, "embed")
        for number in range(2):
            await trainer.create("d", request_id=f"w{number}")
        with pytest.raises(grpc.RpcError) as caught:
            await trainer.create("d", request_id="w2")
        error = translated(caught.value)
        assert error.code == "RESOURCE_EXHAUSTED"
        assert "GRAFT_MAX_QUEUED_JOBS" in error.message
        assert (await trainer.create("d", request_id="w1")).name.endswith("/w1")
        await trainer.cancel(trainer.job("w0"))
        await trainer.create("d", request_id="w2")


async def test_the_embedder_may_go_away_for_a_while(
    trainer: Connection, embedder: FakeEmbedder
) -> None:
    embedder.servicer.delay_s = 0.1
    await trainer.load("d", pictures(4, 40))
    job = await trainer.create("d")
    await asyncio.to_thread(embedder.wait_for, 32)
    await asyncio.to_thread(embedder.stop)
    await asyncio.sleep(1.0)
    await asyncio.to_thread(embedder.start)
    done = await trainer.finish(job.name)
    assert (done.state, done.attempts) == (SUCCEEDED, 1)


async def test_an_estimate_counts_what_is_missing_from_the_cache(trainer: Connection) -> None:
    await trainer.load("d", pictures(3, 4))
    await trainer.finish((await trainer.create("d")).name)
    await trainer.load("d", pictures(3, 6))
    spec = pb.TrainingSpec(dataset=trainer.dataset(), model=trainer.model())
    request = trainer_service_pb2.CreateTrainingJobRequest(
        parent=trainer.project, spec=spec, validate_only=True
    )
    answer = await trainer.jobs.CreateTrainingJob(request)
    assert not answer.HasField("job")
    estimate = answer.estimate
    assert (estimate.example_count, estimate.uncached_count) == (18, 6)
    assert estimate.backbone == "backbones/graft_small_96"
    low, high = estimate.duration_low.ToNanoseconds(), estimate.duration_high.ToNanoseconds()
    assert 0 < low < high < 60e9
    assert estimate.warnings == []
    done = await trainer.finish((await trainer.create("d")).name)
    spent = sum(timing.duration.ToNanoseconds() for timing in done.result.phases)
    assert low / 3 < spent < high * 3


async def test_what_does_not_exist_is_not_found(trainer: Connection) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await trainer.create("nope")
    error = translated(caught.value)
    assert (error.code, error.metadata) == ("NOT_FOUND", {"name": trainer.dataset("nope")})
    for call in (trainer.get, trainer.cancel, trainer.finish):
        with pytest.raises(grpc.RpcError) as caught:
            await call(trainer.job("nope"))
        assert translated(caught.value).code == "NOT_FOUND"
