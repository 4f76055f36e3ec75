"""The blocking client: the same answers, from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

import pytest
from PIL import Image

import graft
from graft import Client, Example
from graft.addresses import Addresses
from graft.client.loop import LoopThread
from tests.support.fake_suite import FakeSuite, fake_suite
from tests.support.images import encode

RED, GREEN = (
    encode(Image.new("RGB", (8, 8), colour), "PNG") for colour in ((200, 0, 0), (0, 200, 0))
)


@pytest.fixture(scope="module")
def suite() -> Iterator[FakeSuite]:
    """A suite in a loop of its own, as it is for somebody without asyncio."""
    loop = LoopThread()
    context = loop.run(_make())
    running = loop.run(context.__aenter__())
    yield running
    loop.run(context.__aexit__(None, None, None))
    loop.close()


async def _make() -> AbstractAsyncContextManager[FakeSuite]:
    return fake_suite()


@pytest.fixture
def client(suite: FakeSuite) -> Iterator[Client]:
    with Client(addresses=suite.addresses) as opened:
        opened.import_examples("hues", [Example("r", "red", RED), Example("g", "green", GREEN)])
        yield opened


def test_the_main_job(client: Client) -> None:
    job = client.train("hues")
    assert [event.revision for event in client.watch(job.id)] == [1, 2, 3, 4, 5]
    assert client.wait(job.id).state == "SUCCEEDED"
    assert [one.label for one in client.predict("hues", [RED, GREEN])] == ["red", "green"]
    assert client.predict_many(["hues"], [RED])["hues"][0].label == "red"
    assert client.evaluate("hues", [Example("r", "red", RED)]).accuracy.estimate == 1.0
    report = client.report("hues")
    assert report.evaluation.method == "cross-validation"
    assert report.html == "<html>ü</html>"


def test_the_resources(client: Client) -> None:
    version = client.wait(client.train("hues").id).result
    assert version is not None
    assert client.models.get("hues").aliases["live"] == version.version
    assert client.models.version("hues@live").labels == ("green", "red")
    assert client.models.promote("hues", 1).aliases["live"] == 1
    assert client.models.promote("hues", 1, alias="stable").aliases["stable"] == 1
    assert client.datasets.get("hues").labels == {"green": 1, "red": 1}
    assert [one.id for one in client.backbones.list() if not one.trunk] == ["fake"]
    assert client.backbones.get("fake").engine == client.backbones.load("fake").engine == "fake"
    assert client.estimate("hues").example_count == 2
    assert client.jobs.list()[0].ended
    client.models.delete("hues")
    with pytest.raises(graft.NotFound):
        client.models.get("hues")


def test_several_threads_share_one_client(client: Client) -> None:
    client.wait(client.train("hues").id)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: client.predict("hues", [RED if n % 2 else GREEN]), range(64))
    labels = [one.label for (one,) in answers]
    assert labels == ["red" if n % 2 else "green" for n in range(64)]


def test_an_iteration_that_is_left_is_closed(client: Client) -> None:
    client.wait(client.train("hues").id)
    for answer in client.predict_each("hues", [RED] * 500):
        assert isinstance(answer, graft.Prediction)
        break
    assert client.predict("hues", [RED])


def test_it_works_inside_a_running_loop(suite: FakeSuite) -> None:
    async def inside() -> int:
        with Client(addresses=suite.addresses) as client:
            return len(client.backbones.get("fake").endpoints)

    assert asyncio.run(inside()) == 2


def test_a_closed_client_says_so_and_leaves_no_thread(suite: FakeSuite) -> None:
    client = Client(addresses=suite.addresses)
    client.close()
    client.close()
    with pytest.raises(graft.FailedPrecondition, match="closed"):
        client.models.list()


def test_a_client_that_cannot_be_made_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(graft.InvalidArgument):
        Client(addresses=Addresses(), project="a/b")
    assert threading.active_count() == before
