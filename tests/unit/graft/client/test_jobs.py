"""Jobs: created once, followed through broken connections, cancelled, and told how they ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import graft
from graft import AsyncClient, Example, TrainingOptions
from graft.client import watching
from tests.support.fake_suite import FakeSuite, fake_suite
from tests.support.images import encode, picture


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RECONNECT_DELAY_S", 0.001)


@pytest.fixture
async def suite() -> AsyncIterator[FakeSuite]:
    async with fake_suite() as running:
        yield running


@pytest.fixture
async def client(suite: FakeSuite) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(addresses=suite.addresses) as opened:
        png = encode(picture(8, 8), "PNG")
        await opened.import_examples("pets", [Example("a", "x", png), Example("b", "y", png)])
        yield opened


async def revisions(client: AsyncClient, job: str, after: int = 0) -> list[int]:
    return [event.revision async for event in client.watch(job, after_revision=after)]


async def test_a_job_is_followed_to_its_end(client: AsyncClient) -> None:
    job = await client.train("pets", options=TrainingOptions(seed=7, backbone="fake"))
    events = [event async for event in client.watch(job.id)]
    assert [event.revision for event in events] == [1, 2, 3, 4, 5]
    assert [event.kind for event in events][-1] == "succeeded"
    assert events[2].job.progress == graft.Progress("embed", 1, 2, "examples")
    done = await client.wait(job.name)
    assert (done.state, done.seed, done.backbone) == ("SUCCEEDED", 7, "backbones/fake")
    assert done.result is not None
    assert done.result.accuracy == graft.Interval(0.9, 0.8, 0.95, 0.95)


async def test_a_broken_watch_goes_on_after_the_last_revision(
    suite: FakeSuite, client: AsyncClient
) -> None:
    job = await client.train("pets")
    suite.world.break_watch_after.extend([2, 3, 4])
    assert await revisions(client, job.id) == [1, 2, 3, 4, 5]
    assert suite.world.watches == [0, 2, 3, 4]


async def test_a_watch_behind_the_end_ends(client: AsyncClient) -> None:
    job = await client.train("pets")
    assert await revisions(client, job.id, after=5) == []
    assert await revisions(client, job.id, after=3) == [4, 5]


async def test_a_watch_gives_up_on_a_trainer_that_stays_away(
    suite: FakeSuite, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "RECONNECT_S", 0.0)
    job = await client.train("pets")
    await suite.server.stop(0)
    with pytest.raises(graft.Unavailable):
        await revisions(client, job.id)


async def test_an_unknown_job_is_not_waited_for(client: AsyncClient) -> None:
    with pytest.raises(graft.NotFound):
        await client.wait("nobody")


async def test_the_same_request_id_is_the_same_job(client: AsyncClient) -> None:
    first = await client.train("pets", request_id="mine")
    second = await client.train("pets", request_id="mine")
    assert first.name == second.name == "projects/default/trainingJobs/mine"
    assert len(await client.jobs.list()) == 1


async def test_a_repeated_call_is_the_same_job_also_without_a_request_id(
    suite: FakeSuite, client: AsyncClient
) -> None:
    before = len(suite.world.request_ids)
    suite.world.lost_answers = 1
    job = await client.train("pets")
    assert len(suite.world.request_ids) == before + 2, "gRPC asked twice"
    assert [one.id for one in await client.jobs.list()] == [job.id]
    assert (await client.train("pets")).id != job.id


async def test_a_cancelled_job_is_told_as_such(suite: FakeSuite, client: AsyncClient) -> None:
    suite.world.hold_jobs = True
    job = await client.train("pets")
    assert job.state == "RUNNING"
    assert (await client.cancel(job.id)).state == "CANCELLED"
    with pytest.raises(graft.Cancelled, match=job.id):
        await client.wait(job.id)


async def test_a_job_that_keeps_its_best_succeeds(suite: FakeSuite, client: AsyncClient) -> None:
    suite.world.hold_jobs = True
    job = await client.train("pets")
    assert (await client.cancel(job.id, keep_best=True)).state == "RUNNING"
    assert (await client.wait(job.id)).state == "SUCCEEDED"


async def test_a_job_that_has_ended_cannot_be_cancelled(client: AsyncClient) -> None:
    job = await client.train("pets")
    with pytest.raises(graft.FailedPrecondition) as caught:
        await client.cancel(job.id)
    assert caught.value.reason == "JOB_STATE"


async def test_an_estimate_makes_no_job(client: AsyncClient) -> None:
    told = await client.estimate("pets")
    assert (told.example_count, told.backbone) == (2, "backbones/fake")
    assert await client.jobs.list() == ()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (TrainingOptions(task="segmentation"), "task must be one of"),
        (TrainingOptions(budget_s=0), "a budget is above 0 s"),
        (TrainingOptions(backbone="a/b"), "backbones/"),
        (TrainingOptions(seed=2**63), "spec.seed is a whole number below"),
        (TrainingOptions(dataset_version=2**63), "spec.dataset_version is a whole number"),
    ],
)
async def test_what_cannot_be_asked_is_refused_before_the_call(
    suite: FakeSuite, client: AsyncClient, options: TrainingOptions, wanted: str
) -> None:
    before = len(suite.world.request_ids)
    with pytest.raises(graft.InvalidArgument, match=wanted):
        await client.train("pets", options=options)
    assert len(suite.world.request_ids) == before
