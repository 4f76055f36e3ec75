"""Imports: everything in messages that fit, a verdict for each bad file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import graft
from graft import AsyncClient, Box, Drawing, Example, LabelledBox, Text
from graft.client import upload
from graft.client.connection import ServerInfo
from tests.support.fake_suite import FakeSuite, fake_suite
from tests.support.images import encode, picture

PNG = encode(picture(8, 8), "PNG")


@pytest.fixture
async def suite() -> AsyncIterator[FakeSuite]:
    async with fake_suite(max_items=10, max_message_bytes=4 << 20) as running:
        yield running


@pytest.fixture
async def client(suite: FakeSuite) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(addresses=suite.addresses) as opened:
        yield opened


async def test_messages_fit_and_only_the_first_names_the_data_set(
    suite: FakeSuite, client: AsyncClient
) -> None:
    big = PNG + bytes(1_200_000)
    examples = [Example(f"{n}", "x", PNG) for n in range(25)]
    examples += [Example(f"big{n}", "x", big) for n in range(7)]
    seen: list[upload.UploadProgress] = []
    dataset = await client.import_examples("pets", examples, on_progress=seen.append)
    assert dataset.example_count == 32
    messages = suite.world.imports
    assert [message.dataset for message in messages] == [
        "projects/default/datasets/pets",
        *[""] * (len(messages) - 1),
    ]
    assert max(len(message.examples) for message in messages) == 10
    assert max(message.ByteSize() for message in messages) <= 4 << 20
    sent = [one.path for message in messages for one in message.examples]
    assert sent == [one.path for one in examples]
    assert seen[-1].examples == 32
    assert seen[-1].size_bytes > 7 * 1_200_000


async def test_bad_files_are_told_without_being_sent(
    suite: FakeSuite, client: AsyncClient, tmp_path: Path
) -> None:
    large, gone = tmp_path / "large.png", tmp_path / "gone.png"
    large.write_bytes(PNG + bytes(3 << 20))
    examples = [
        Example("large.png", "x", large),
        Example("gone.png", "x", gone),
        Example("folder", "x", tmp_path),
        Example("told.png", "x", graft.Problem("NOT_FOUND", "told before")),
        Example("good.png", "x", PNG),
    ]
    dataset = await client.import_examples("pets", examples)
    assert (dataset.example_count, dataset.rejected_count) == (1, 4)
    told = {issue.path: issue.message for issue in dataset.issues}
    assert "larger than the 2097152 bytes" in told["large.png"]
    assert "there is no file" in told["gone.png"]
    assert told["told.png"] == "told before"
    message, last = suite.world.imports
    assert (last.last, len(last.examples)) == (True, 0)
    assert message.ByteSize() < 10_000


async def test_names_and_texts_travel(suite: FakeSuite, client: AsyncClient) -> None:
    await client.import_examples("pets", [Example("a\udcff.png", "ü", Text("hello"))])
    (example,) = suite.world.imports[0].examples
    assert (example.path, list(example.labels), example.content.text) == (
        r"a\xff.png",
        ["ü"],
        "hello",
    )


async def test_boxes_travel(suite: FakeSuite, client: AsyncClient) -> None:
    boxes = (
        LabelledBox("cat", Box(1, 2.5, 3, 4), origin="annotation 7"),
        LabelledBox("dog", Box(0, 0, 5, 5), crowd=True),
    )
    dataset = await client.import_examples(
        "pets",
        [
            Example("a.png", (), PNG, Drawing(boxes, 640, 480)),
            Example("b.png", (), PNG, Drawing(boxes[:1], relative=True)),
            Example("c.png", (), PNG, Drawing()),
        ],
    )
    assert (dataset.boxed, dataset.boxes) == (True, {"cat": 2, "dog": 0})
    first, second, none = suite.world.imports[0].examples
    assert (first.drawn_width, first.drawn_height, first.relative) == (640, 480, False)
    cat, dog = first.boxes
    assert (cat.label, cat.origin, cat.crowd, dog.crowd) == ("cat", "annotation 7", False, True)
    assert (cat.box.left, cat.box.top, cat.box.width, cat.box.height) == (1, 2.5, 3, 4)
    assert second.relative
    assert not none.boxes


async def test_appending_keeps_what_was_there(client: AsyncClient) -> None:
    await client.import_examples("pets", [Example("a", "x", PNG)])
    dataset = await client.import_examples("pets", [Example("b", "y", PNG)], append=True)
    assert (dataset.version, dataset.labels) == (2, {"x": 1, "y": 1})
    dataset = await client.import_examples("pets", [Example("b", "y", PNG)])
    assert (dataset.version, dataset.labels) == (3, {"y": 1})


async def test_nothing_to_import_is_an_error(client: AsyncClient) -> None:
    with pytest.raises(graft.InvalidArgument, match="at least one example"):
        await client.import_examples("pets", [])


async def test_a_reader_that_fails_fails_the_import_and_leaves_nothing(
    client: AsyncClient,
) -> None:
    def broken() -> Iterator[Example]:
        yield Example("a", "x", PNG)
        raise graft.InvalidArgument("row 2 is broken")

    with pytest.raises(graft.InvalidArgument, match="row 2 is broken"):
        await client.import_examples("pets", broken())
    assert await client.datasets.list() == ()


async def test_data_sets_are_listed_over_pages_told_and_deleted(client: AsyncClient) -> None:
    for name in ("e", "d", "c", "b", "a"):
        await client.import_examples(name, [Example("a", "x", PNG)])
    names = [one.name.rpartition("/")[2] for one in await client.datasets.list()]
    assert names == ["a", "b", "c", "d", "e"]
    await client.datasets.delete("c")
    with pytest.raises(graft.NotFound, match="datasets/c"):
        await client.datasets.get("c")


@pytest.mark.parametrize("name", ["a/b", "", "Ä", "../x"])
async def test_a_name_that_is_none_is_refused_before_any_call(
    suite: FakeSuite, client: AsyncClient, name: str
) -> None:
    with pytest.raises(graft.InvalidArgument, match="a dataset is"):
        await client.datasets.get(name)
    assert suite.world.request_ids == []


def test_many_boxes_and_a_large_picture_fit_into_one_message_or_are_told() -> None:
    boxes = tuple(LabelledBox("x" * 100, Box(n, 0, 1, 1)) for n in range(1000))
    info = ServerInfo("trainer", "0", 1 << 20, 10, 1 << 20, 1)
    sizes = (100_000, (1 << 20) - 100_000)
    good, bad = (upload.pack(Example("a", (), b"x" * size, Drawing(boxes)), info) for size in sizes)
    assert len(good.content.image) == sizes[0]
    assert good.ByteSize() < 1 << 20
    assert bad.HasField("problem")
    assert "is larger than the " in bad.problem.message
