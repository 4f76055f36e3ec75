"""Predictions: order, splitting, and one bad item that is nobody else's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

import graft
from graft import AsyncClient, Example
from graft.content import Item
from tests.support.fake_suite import FakeSuite, fake_suite
from tests.support.images import encode

RED, GREEN = (
    encode(Image.new("RGB", (8, 8), colour), "PNG") for colour in ((200, 0, 0), (0, 200, 0))
)


@pytest.fixture
async def suite() -> AsyncIterator[FakeSuite]:
    async with fake_suite(max_items=10, max_message_bytes=4 << 20) as running:
        yield running


@pytest.fixture
async def client(suite: FakeSuite) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(addresses=suite.addresses) as opened:
        examples = [Example("r.png", "red", RED), Example("g.png", "green", GREEN)]
        await opened.import_examples("hues", examples)
        await opened.wait((await opened.train("hues")).name)
        yield opened


async def test_answers_come_in_the_order_of_the_items(client: AsyncClient) -> None:
    first, second = await client.predict("hues", [GREEN, RED])
    assert (first.label, second.label) == ("green", "red")
    assert first.scores["green"] == first.score > 0.9
    assert not first.unknown
    assert (first.version, first.model_version) == (1, "projects/default/models/hues/versions/1")


async def test_many_items_are_split_by_the_servers_limit(
    suite: FakeSuite, client: AsyncClient
) -> None:
    items = [RED if number % 3 else GREEN for number in range(57)]
    labels = [one.label for one in await client.predict("hues", items)]
    assert labels == ["red" if number % 3 else "green" for number in range(57)]
    assert sorted(suite.world.batches) == [7, 10, 10, 10, 10, 10]


async def test_large_items_are_split_by_the_servers_message_size(
    suite: FakeSuite, client: AsyncClient
) -> None:
    big = RED + bytes(1_500_000)  # what follows an image's end is ignored
    assert len(await client.predict("hues", [big] * 5)) == 5
    assert sorted(suite.world.batches) == [1, 2, 2]


@pytest.mark.parametrize("reason", ["OVERLOADED", "NOT_SERVING"])
async def test_a_large_batch_comes_back_to_an_overloaded_server_when_it_says(
    suite: FakeSuite, client: AsyncClient, reason: str
) -> None:
    large = RED + bytes(1_500_000)  # gRPC repeats no request of this size by itself
    refusals = [graft.Unavailable("busy", reason=reason, retry_after_s=0.05) for _ in range(6)]
    suite.world.failures.extend(refusals)
    began = time.monotonic()
    assert [one.label for one in await client.predict("hues", [large])] == ["red"]
    assert suite.world.batches == [1] * 7
    assert time.monotonic() - began >= 6 * 0.05


async def test_a_server_that_stays_overloaded_is_told_before_the_deadline(
    suite: FakeSuite, client: AsyncClient
) -> None:
    large = RED + bytes(1_500_000)
    suite.world.failures.append(graft.Unavailable("x", reason="OVERLOADED", retry_after_s=100.0))
    with pytest.raises(graft.Unavailable):
        await client.predict("hues", [large])
    assert suite.world.batches == [1]


async def test_a_failure_that_no_wait_is_known_for_is_told_at_once(
    suite: FakeSuite, client: AsyncClient
) -> None:
    suite.world.failures.append(graft.Unavailable("gone", retry_after_s=0.01))
    with pytest.raises(graft.Unavailable, match="gone"):
        await client.predict("hues", [RED + bytes(1_500_000)])
    assert suite.world.batches == [1]


async def test_nothing_to_predict_is_no_call(suite: FakeSuite, client: AsyncClient) -> None:
    assert await client.predict("hues", []) == []
    assert suite.world.batches == []


async def test_each_bad_item_is_its_own_error(client: AsyncClient, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(RED)
    bad.write_bytes(b"not an image")
    huge = RED + bytes(3 << 20)
    items: list[Item] = [
        good,
        str(bad),
        tmp_path / "missing.png",
        tmp_path,
        GREEN,
        b"",
        huge,
        *[RED] * 20,
    ]
    answers = [answer async for answer in client.predict_each("hues", items)]
    labels = [one.label for one in answers if isinstance(one, graft.Prediction)]
    assert labels == ["red", "green"] + ["red"] * 20
    told = {n: one for n, one in enumerate(answers) if isinstance(one, graft.GraftError)}
    assert {n: one.reason for n, one in told.items()} == {
        1: "IMAGE_UNDECODABLE",
        2: "NOT_FOUND",
        3: "INVALID_ARGUMENT",
        5: "IMAGE_UNDECODABLE",
        6: "IMAGE_TOO_LARGE",
    }
    assert str(bad) in str(told[1]), "a file is called by its name"
    assert told[1].field == "items[1].image"
    assert "items[5]" in str(told[5]), "bytes are called by their place"
    assert f"{2 << 20} bytes" in str(told[6])


async def test_predict_raises_for_the_first_bad_item_as_the_caller_counts(
    client: AsyncClient,
) -> None:
    with pytest.raises(graft.InvalidArgument) as caught:
        await client.predict("hues", [*[RED] * 25, b"bad", RED, b"bad too"])
    assert caught.value.field == "items[25].image"


async def test_an_error_about_no_item_is_raised_once_and_nothing_stays_in_flight(
    suite: FakeSuite, client: AsyncClient
) -> None:
    with pytest.raises(graft.NotFound, match="models/nobody"):
        await client.predict("nobody", [RED] * 35)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "_answer" in repr(task)]


async def test_an_iteration_that_is_left_cancels_what_flies(
    suite: FakeSuite, client: AsyncClient
) -> None:
    answers = client.predict_each("hues", [RED] * 1000)
    assert isinstance(await anext(answers), graft.Prediction)
    await answers.aclose()
    assert len(suite.world.batches) <= 8


async def test_predict_many_answers_by_model_as_named(client: AsyncClient) -> None:
    await client.wait((await client.train("hues")).name)
    found = await client.predict_many(["hues", "hues/1"], [GREEN, RED] * 8)
    assert set(found) == {"hues", "hues/1"}
    assert {one.version for one in found["hues"]} == {2}
    assert {one.version for one in found["hues/1"]} == {1}
    assert [one.label for one in found["hues/1"]] == ["green", "red"] * 8


async def test_evaluate_scores_what_it_can_and_tells_the_rest(
    client: AsyncClient, tmp_path: Path
) -> None:
    examples = [
        *[Example(f"r{n}", "red", RED) for n in range(6)],
        *[Example(f"g{n}", "green", GREEN) for n in range(3)],
        Example("wrong", "green", RED),
        Example("blue", "blue", GREEN),
        Example("bad", "red", b"zz"),
        Example("gone", "red", tmp_path / "gone.png"),
        Example("told", "red", graft.Problem("NOT_FOUND", "there is no file told")),
    ]
    seen: list[int] = []
    found = await client.evaluate("hues", examples, on_progress=seen.append)
    assert (found.count, found.accuracy.estimate) == (10, 0.9)
    assert found.accuracy.low < 0.9 < found.accuracy.high
    assert found.per_class["green"].recall == 0.75
    assert found.unseen == {"blue": 1}
    assert set(found.problems) == {"bad", "gone", "told"}
    assert found.versions == (1,)
    assert seen[-1] == 13


async def test_evaluate_with_labels_unknown_to_the_model_names_both_sides(
    client: AsyncClient,
) -> None:
    with pytest.raises(graft.InvalidArgument, match=r"it knows 'green', 'red'. Received: 'blue'"):
        await client.evaluate("hues", [Example("b", "blue", RED)])
    with pytest.raises(graft.InvalidArgument, match="no example could be answered"):
        await client.evaluate("hues", [Example("b", "red", b"zz")])


async def test_a_detector_answers_objects_and_any_other_model_none(client: AsyncClient) -> None:
    scene = Image.new("RGB", (40, 20), (120, 120, 120))
    scene.paste((200, 0, 0), (4, 2, 14, 10))
    box, data = graft.Box(4, 2, 10, 8), encode(scene, "PNG")
    other = graft.Box(20, 2, 10, 8)
    drawing = graft.Drawing((graft.LabelledBox("red", box), graft.LabelledBox("grey", other)))
    examples = [Example("s.png", (), data, drawing)]
    await client.import_examples("things", examples)
    await client.wait((await client.train("things")).name)
    found, plain = (await client.predict_many(["things", "hues"], [data])).values()
    assert plain[0].objects is None
    assert found[0].detected is not None
    assert (found[0].detected.width, found[0].detected.height) == (40, 20)
    assert graft.DetectedObject("red", 1.0, box) in (found[0].objects or ())
    assert [one.label for one in found[0].detected.doubtful] == []
