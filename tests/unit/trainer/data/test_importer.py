from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from graft.common.v1 import content_pb2, problem_pb2
from graft.errors import Conflict, InvalidArgument, NotFound, ResourceExhausted, Unavailable
from graft.names import DatasetName
from graft.trainer.v1 import dataset_service_pb2 as pb
from services.common.image import decode_picture
from services.trainer.data import importer as module
from services.trainer.data.catalogue import Catalogue
from services.trainer.data.importer import MAX_IMPORTS, Importer
from services.trainer.data.rows import IMAGE
from services.trainer.data.sketch import DECODE_SIZE, draw
from services.trainer.tables import DatasetTable
from tests.support.images import bomb
from tests.support.imports import APPEND, NAME, example, image, labels, said, stream


async def test_a_first_import_makes_version_one(importer: Importer, catalogue: Catalogue) -> None:
    some = [example(n, "cat") for n in range(3)]
    others = [example(n, "dog") for n in range(10, 30)]
    dataset = await importer.run(stream(some, others))
    assert (dataset.name, dataset.version) == (str(NAME), 1)
    assert labels(dataset) == {"cat": 3, "dog": 20}
    assert dataset.summary.example_count == 23
    assert dataset.size_bytes == sum(len(e.content.image) for e in [*some, *others])
    assert dataset.HasField("create_time")
    assert catalogue.contents(NAME, 1, IMAGE, [0, 22]) == [image(0), image(29)]


async def test_sketches_are_kept_with_the_examples(
    importer: Importer, catalogue: Catalogue
) -> None:
    sent = [example(1, "cat"), example(2, "dog"), example(3, "cat", image(1))]
    await importer.run(stream(sent))
    found = catalogue.sketches(NAME, 1, [1, 0])
    drawn = [draw(decode_picture(image(seed), size_hint=DECODE_SIZE)) for seed in (2, 1)]
    assert [each.tobytes() for each in found] == drawn
    with pytest.raises(InvalidArgument, match="a sketch must have"):
        catalogue.sketches(NAME, 1, [2])
    with pytest.raises(NotFound):
        catalogue.sketches(DatasetName("p", "none"), 1, [0])


async def test_an_import_that_came_second_names_the_data_set(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> int:
        raise Conflict("the object 'x.manifest' exists already; read it")

    monkeypatch.setattr(DatasetTable, "replace", taken)
    with pytest.raises(Conflict, match=f"another import into {NAME} .* import again"):
        await importer.run(stream([example(0, "cat")]))


async def test_replace_leaves_the_former_version_as_it_was(
    importer: Importer, catalogue: Catalogue
) -> None:
    await importer.run(stream([example(1, "cat"), example(2, "dog")]))
    dataset = await importer.run(stream([example(3, "cow")]))
    assert (dataset.version, labels(dataset)) == (2, {"cow": 1})
    former = catalogue.describe(catalogue.snapshot(NAME, 1))
    assert labels(former) == {"cat": 1, "dog": 1}


async def test_append_adds_and_tells_of_this_import(importer: Importer) -> None:
    bad = example(9, "cat", b"broken")
    await importer.run(stream([example(1, "cat"), example(2, "dog"), bad]))
    more = [example(3, "cat"), example(1, "cat")]
    dataset = await importer.run(stream(more, mode=APPEND))
    assert (dataset.version, labels(dataset)) == (2, {"cat": 2, "dog": 1})
    assert (dataset.summary.rejected_count, dataset.summary.duplicate_count) == (0, 1)


async def test_append_to_nothing_begins_a_data_set(importer: Importer) -> None:
    dataset = await importer.run(stream([example(1, "cat")], mode=APPEND))
    assert (dataset.version, labels(dataset)) == (1, {"cat": 1})


async def test_bad_files_of_every_kind_never_fail_an_import(importer: Importer) -> None:
    good = [example(n, "cat" if n % 2 else "dog") for n in range(12)]
    bad = [
        example(50, "cat", b""),
        example(51, "cat", image(51)[:40]),
        example(52, "cat", b"GIF89a nonsense"),
        example(53, "cat", bomb(40_000, 40_000)),
        example(54, "cat", b"\x00" * 1000),
        example(55, ""),
        example(56, "x" * 201),
        pb.Example(
            path="gone.png", labels=["cat"], problem=problem_pb2.Problem(message="no access")
        ),
        pb.Example(path="none.png", labels=["cat"]),
        said("blank", " "),
        said("t.txt", "a text"),
    ]
    dataset = await importer.run(stream([*bad[:5], *good], bad[5:]))
    assert labels(dataset) == {"cat": 6, "dog": 6}
    assert dataset.summary.rejected_count == len(bad)
    told = {issue.path: issue.message for issue in dataset.summary.issues}
    assert set(told) == {example.path for example in bad}
    assert all(told.values())
    assert told["gone.png"] == "no access"
    assert told["t.txt"] == (
        "the data set holds images, as its first usable example is one; put texts into another one."
        " Received: a text"
    )


async def test_the_same_bytes_are_stored_once_and_conflicts_left_out(
    importer: Importer, catalogue: Catalogue
) -> None:
    torn = image(7)
    sent = [
        example(1, "cat"),
        pb.Example(path="copy.png", labels=["cat"], content=content_pb2.Content(image=image(1))),
        example(7, "cat"),
        pb.Example(path="torn.png", labels=["dog"], content=content_pb2.Content(image=torn)),
        example(8, "dog"),
    ]
    dataset = await importer.run(stream(sent))
    summary = dataset.summary
    assert (summary.example_count, summary.duplicate_count, summary.conflict_count) == (2, 1, 2)
    assert catalogue.contents(NAME, 1, IMAGE, [1, 3]) == [b"", b""]
    assert dataset.size_bytes == len(image(1)) + len(torn) + len(image(8))


async def test_a_copy_of_a_rejected_file_is_stored_with_its_bytes(
    importer: Importer, catalogue: Catalogue
) -> None:
    dataset = await importer.run(stream([example(1, ""), example(1, "cat")]))
    assert labels(dataset) == {"cat": 1}
    assert catalogue.contents(NAME, 1, IMAGE, [1]) == [image(1)]


async def test_a_stream_that_breaks_off_leaves_everything_as_it_was(
    importer: Importer, catalogue: Catalogue
) -> None:
    await importer.run(stream([example(1, "cat")]))
    broken = stream([example(2, "dog")], [example(3, "dog")], error=ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        await importer.run(broken)
    assert catalogue.versions(NAME) == [1]


async def test_a_first_import_that_breaks_off_makes_no_data_set(
    importer: Importer, catalogue: Catalogue
) -> None:
    with pytest.raises(ConnectionError):
        await importer.run(stream([example(2, "dog")], error=ConnectionError("gone")))
    with pytest.raises(NotFound):
        catalogue.versions(NAME)
    assert catalogue.names("p") == []


async def test_a_cancelled_import_leaves_no_trace(importer: Importer, catalogue: Catalogue) -> None:
    taken, forever = asyncio.Event(), asyncio.Event()

    async def endless() -> AsyncIterator[pb.ImportExamplesRequest]:
        yield pb.ImportExamplesRequest(dataset=str(NAME), examples=[example(1, "cat")])
        taken.set()
        await forever.wait()

    running = asyncio.create_task(importer.run(endless()))
    await taken.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert catalogue.names("p") == []
    assert (await importer.run(stream([example(1, "cat")]))).version == 1


async def test_a_stream_that_ends_without_its_last_message_leaves_no_trace(
    importer: Importer, catalogue: Catalogue
) -> None:
    async def broken_off() -> AsyncIterator[pb.ImportExamplesRequest]:
        yield pb.ImportExamplesRequest(dataset=str(NAME), examples=[example(1, "cat")])

    with pytest.raises(InvalidArgument, match="`last`"):
        await importer.run(broken_off())
    assert catalogue.names("p") == []


async def test_an_import_of_nothing_makes_an_empty_version_that_says_so(
    importer: Importer,
) -> None:
    dataset = await importer.run(stream())
    assert (dataset.version, dataset.summary.example_count) == (1, 0)
    assert "no usable example" in dataset.summary.warnings[0]


@pytest.mark.parametrize("name", ["", "pets", "projects/p/datasets/a/b", "projects/p/models/x"])
async def test_a_bad_name_is_refused(importer: Importer, name: str) -> None:
    async def one() -> AsyncIterator[pb.ImportExamplesRequest]:
        yield pb.ImportExamplesRequest(dataset=name)

    with pytest.raises(InvalidArgument) as caught:
        await importer.run(one())
    assert caught.value.field == "dataset"


async def test_a_stream_without_messages_is_refused(importer: Importer) -> None:
    async def none() -> AsyncIterator[pb.ImportExamplesRequest]:
        return
        yield

    with pytest.raises(InvalidArgument, match="names the data set"):
        await importer.run(none())


async def test_imports_at_once_are_bounded(importer: Importer, catalogue: Catalogue) -> None:
    go = asyncio.Event()

    async def slow(number: int) -> AsyncIterator[pb.ImportExamplesRequest]:
        yield pb.ImportExamplesRequest(dataset=f"projects/p/datasets/d{number}")
        await go.wait()
        yield pb.ImportExamplesRequest(last=True)

    running = [asyncio.create_task(importer.run(slow(n))) for n in range(MAX_IMPORTS)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match=f"{MAX_IMPORTS} imports") as caught:
        await importer.run(slow(99))
    assert caught.value.retry_after_s
    go.set()
    await asyncio.gather(*running)
    assert len(catalogue.names("p")) == MAX_IMPORTS


async def test_more_labels_than_the_limit_are_refused_one_by_one(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LABELS", 2)
    sent = [example(n, f"c{n}") for n in range(4)] + [example(9, "c0")]
    dataset = await importer.run(stream(sent))
    assert labels(dataset) == {"c0": 2, "c1": 1}
    assert dataset.summary.rejected_count == 2
    assert "at most 2 labels" in dataset.summary.issues[0].message


async def test_too_many_examples_fail_the_import(
    importer: Importer, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_EXAMPLES", 3)
    with pytest.raises(ResourceExhausted, match="at most 3 examples"):
        await importer.run(stream([example(1, "a"), example(2, "a")], [example(3, "b")] * 2))
    assert catalogue.names("p") == []


async def test_a_message_with_too_many_examples_is_refused(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS_PER_MESSAGE", 1)
    with pytest.raises(ResourceExhausted, match="split it") as caught:
        await importer.run(stream([example(1, "a"), example(2, "a")]))
    assert caught.value.reason == "REQUEST_TOO_LARGE"


async def test_odd_names_and_labels_come_back_as_they_were(importer: Importer) -> None:
    odd = "naïve/ \U0001f431\n\\xff.png"
    content = content_pb2.Content(image=image(1))
    dataset = await importer.run(
        stream([pb.Example(path=odd, labels=["日本 / 語"], content=content)])
    )
    assert labels(dataset) == {"日本 / 語": 1}
