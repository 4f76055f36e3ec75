"""Calls: ids, deadlines, retries, errors as one tree, limits asked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import graft
from graft import AsyncClient
from graft.addresses import Addresses
from graft.local.ports import Ports
from tests.support.fake_suite import FakeSuite, fake_suite


@pytest.fixture
async def suite() -> AsyncIterator[FakeSuite]:
    async with fake_suite() as running:
        yield running


@pytest.fixture
async def client(suite: FakeSuite) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(addresses=suite.addresses) as opened:
        yield opened


async def test_every_call_has_an_id_of_its_own(suite: FakeSuite, client: AsyncClient) -> None:
    await client.models.list()
    await client.jobs.list()
    first, second = suite.world.request_ids
    assert len(first) == len(second) == 32
    assert first != second


async def test_unavailable_is_retried_by_grpc(suite: FakeSuite, client: AsyncClient) -> None:
    suite.world.failures.extend([graft.Unavailable("busy"), graft.Unavailable("busy")])
    assert await client.models.list() == ()
    assert len(suite.world.request_ids) == 3
    assert len(set(suite.world.request_ids)) == 1, "a retry is the same request"


async def test_retries_end(suite: FakeSuite, client: AsyncClient) -> None:
    suite.world.failures.extend([graft.Unavailable("busy", retry_after_s=0.01)] * 9)
    with pytest.raises(graft.Unavailable, match="busy"):
        await client.models.list()
    assert len(suite.world.request_ids) == 4


async def test_a_closed_client_opens_no_new_channel(suite: FakeSuite) -> None:
    client = AsyncClient(addresses=suite.addresses)
    await client.models.list()
    await client.close()
    for call in (client.models.list, client.backbones.list):
        with pytest.raises(graft.FailedPrecondition, match="closed"):
            await call()
    with pytest.raises(graft.FailedPrecondition, match="closed"):
        await client.server_info("predictor")


@pytest.mark.parametrize("kind", [graft.InvalidArgument, graft.ResourceExhausted, graft.Internal])
async def test_nothing_else_is_retried(
    suite: FakeSuite, client: AsyncClient, kind: type[graft.GraftError]
) -> None:
    suite.world.failures.append(kind("no", field="spec", metadata={"limit": "7"}))
    with pytest.raises(kind) as caught:
        await client.models.list()
    (identity,) = suite.world.request_ids
    assert caught.value.field == "spec"
    assert caught.value.metadata == {"limit": "7", "request_id": identity}


async def test_a_deadline_is_kept(suite: FakeSuite) -> None:
    suite.world.delay_s = 30.0
    async with AsyncClient(addresses=suite.addresses, timeout_s=0.2) as client:
        with pytest.raises(graft.DeadlineExceeded):
            await client.models.list()


async def test_cancelling_a_call_ends_it(suite: FakeSuite, client: AsyncClient) -> None:
    suite.world.delay_s = 30.0
    call = asyncio.create_task(client.models.list())
    await suite.world.entered.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_nobody_listening_names_graft_up() -> None:
    ports = Ports()
    address = ports.take("127.0.0.1:50051", fixed=False)
    try:
        async with AsyncClient(addresses=Addresses(trainer=address)) as client:
            with pytest.raises(graft.Unavailable, match="graft up"):
                await client.models.list()
    finally:
        ports.close()


async def test_an_unknown_address_names_graft_up_and_the_variable() -> None:
    async with AsyncClient(addresses=Addresses(why="no run.json")) as client:
        with pytest.raises(graft.Unavailable, match="GRAFT_PREDICTOR") as caught:
            await client.predict("pets", [b"x"])
    assert "graft up" in str(caught.value)
    assert str(caught.value).endswith("Received: no run.json")


async def test_the_limits_are_asked_once(suite: FakeSuite, client: AsyncClient) -> None:
    infos = await asyncio.gather(*(client.server_info("predictor") for _ in range(5)))
    assert {info.max_items for info in infos} == {100}
    await suite.server.stop(0)
    assert await client.server_info("trainer") == infos[0]  # the same target


@pytest.mark.parametrize("project", ["a/b", "Ä", "x" * 64])
def test_a_project_that_is_no_name_is_refused(project: str) -> None:
    with pytest.raises(graft.InvalidArgument, match="a project is"):
        AsyncClient(addresses=Addresses(), project=project)
